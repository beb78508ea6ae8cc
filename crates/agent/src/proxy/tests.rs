//! What Envoy reads, and when.

use pretty_assertions::assert_eq;

use super::*;
use crate::server_tls::ServerTls;

struct Pod {
    folder: tempfile::TempDir,
    config: Config,
}

impl Pod {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("etc/envoy")).unwrap();
        let mut config = crate::args::tests::config();
        config.root = folder.path().to_str().unwrap().to_owned();
        Self { folder, config }
    }

    fn layout(&self) -> Layout {
        Layout::below(self.config.root.clone())
    }

    fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join("etc/envoy").join(name)).ok()
    }

    fn settings(&self) -> Option<String> {
        self.read(&settings_file(&self.config))
    }

    fn write(&self, mounted: &Mounted) {
        write(&self.config, &self.layout(), mounted).unwrap();
    }
}

fn mounted(proxy: Option<&str>, pem: Option<&str>) -> Mounted {
    let mut mounted = crate::mounted::tests::mounted();
    mounted.proxy = proxy.map(str::to_owned);
    mounted.server_tls = pem.map(|pem| ServerTls::new(pem, "key"));
    mounted
}

#[test]
fn every_word_gets_its_meaning_in_its_own_text() {
    let mut pod = Pod::new();
    let given = json!([
        {"at": LISTEN, "of": [POD, SERVER]},
        format!("{ROOT}/etc"), 1, true, null
    ]);
    let filled = |config: &Config| -> Value {
        serde_json::from_str(&filled_in(config, &given.to_string()).unwrap()).unwrap()
    };
    pod.config.root = "/a\"b\\".to_owned();
    let rest = json!(["/a\"b\\/etc", 1, true, null]);
    assert_eq!(
        filled(&pod.config),
        json!([{"at": "0.0.0.0", "of": ["simple-0", "10.0.0.7"]}, rest[0], 1, true, null])
    );
    pod.config.pod_ip = "fd00::7".parse().unwrap();
    assert_eq!(filled(&pod.config)[0]["at"], "::");
    pod.config.bind = Some("127.70.1.2".parse().unwrap());
    assert_eq!(filled(&pod.config)[0]["at"], "127.70.1.2");
}

#[test]
fn a_pod_keeps_the_settings_that_it_was_given_first() {
    let mut pod = Pod::new();
    pod.write(&mounted(None, None));
    assert_eq!(pod.settings(), None);
    pod.write(&mounted(Some("[1]"), None));
    assert_eq!(pod.settings().as_deref(), Some("[1]"));
    pod.write(&mounted(Some("[2]"), None));
    pod.write(&mounted(None, None));
    assert_eq!(pod.settings().as_deref(), Some("[1]"));
    assert_eq!(pod.read(CERTIFICATE), None);
    // The same Pod after its machine was started anew.
    pod.config.pod_ip = "10.0.0.8".parse().unwrap();
    assert_eq!(pod.settings(), None);
    pod.write(&mounted(Some("[3]"), None));
    assert_eq!(pod.settings().as_deref(), Some("[1]"));
}

#[test]
fn a_certificate_is_replaced_with_its_key_and_only_by_another_one() {
    use std::os::unix::fs::MetadataExt as _;

    let pod = Pod::new();
    let path = pod.folder.path().join("etc/envoy").join(CERTIFICATE);
    let file = || std::fs::metadata(&path).unwrap().ino();
    pod.write(&mounted(Some("[]"), Some("first")));
    let (first, inode) = (pod.read(CERTIFICATE).unwrap(), file());
    let value: Value = serde_json::from_str(&first).unwrap();
    let pair = &value["resources"][0]["tls_certificate"];
    for half in ["certificate_chain", "private_key"] {
        assert_eq!(pair[half]["inline_string"], "first\nkey\n");
    }
    pod.write(&mounted(Some("[]"), Some("first")));
    assert_eq!(file(), inode);
    pod.write(&mounted(Some("[]"), Some("second")));
    assert_ne!(pod.read(CERTIFICATE).unwrap(), first);
    assert_ne!(file(), inode);
}

#[test]
fn settings_that_are_none_are_told() {
    let pod = Pod::new();
    let written = write(&pod.config, &pod.layout(), &mounted(Some("{"), None));
    assert!(matches!(written, Err(Error::Settings(_))));
    assert_eq!(pod.settings(), None);
}

#[test]
fn envoy_is_told_that_the_agent_has_ended_until_there_is_another_one() {
    let pod = Pod::new();
    agent_begins(&pod.layout());
    agent_ends(&pod.layout());
    assert!(pod.read(ENDED).is_some());
    agent_begins(&pod.layout());
    assert_eq!(pod.read(ENDED), None);
    // Without Envoy there is nobody to tell.
    agent_ends(&Layout::below(
        pod.folder.path().join("none").to_str().unwrap(),
    ));
}
