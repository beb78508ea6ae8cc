//! One image as an archive in the OCI layout: a tar file with blobs named by their SHA-256.
//!
//! Layers are plain tar files. They are made by `tar` with fixed times and order, so the same files give the same
//! bytes.

use std::fs::{self, File};
use std::io::{self, Read};
use std::process::Command;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::command::output_of;
use crate::tree;

const MEDIA: &str = "application/vnd.oci.image";

/// An image in the making, in a folder of its own.
pub(super) struct Image {
    folder: Utf8PathBuf,
    layers: Vec<Blob>,
}

/// What is known of a blob that is in place.
#[derive(Clone)]
pub(super) struct Blob {
    digest: String,
    size: u64,
}

impl Blob {
    fn describe(&self, kind: &str) -> Value {
        json!({
            "mediaType": format!("{MEDIA}.{kind}"),
            "digest": format!("sha256:{}", self.digest),
            "size": self.size,
        })
    }
}

impl Image {
    /// Begins an image below a folder that need not exist.
    pub(super) fn begin(folder: Utf8PathBuf) -> Result<Self> {
        tree::remove(&folder)?;
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).with_context(|| format!("create {blobs}"))?;
        Ok(Self {
            folder,
            layers: Vec::new(),
        })
    }

    /// Adds a layer with these paths of a folder; everything belongs to root.
    pub(super) fn layer(&mut self, root: &Utf8Path, paths: &[&str]) -> Result<()> {
        let file = self.folder.join("layer");
        let fixed = [
            "--sort=name",
            "--format=gnu",
            "--numeric-owner",
            "--owner=0",
            "--group=0",
            "--mtime=@0",
        ];
        let mut command = Command::new("tar");
        command.args(["--create", "--file", file.as_str()]);
        command
            .args(fixed)
            .args(["--directory", root.as_str()])
            .args(paths);
        output_of(&mut command).with_context(|| format!("pack {root}"))?;
        let layer = self.adopt(&file)?;
        self.layers.push(layer);
        Ok(())
    }

    /// Writes the archive of the image under its name and removes the folder.
    pub(super) fn finish(
        self,
        name: &str,
        mut settings: Value,
        labels: &Value,
        archive: &Utf8Path,
    ) -> Result<()> {
        settings["Labels"] = labels.clone();
        let digests: Vec<_> = self
            .layers
            .iter()
            .map(|layer| format!("sha256:{}", layer.digest))
            .collect();
        let config = self.blob(&json!({
            "architecture": architecture(),
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": digests},
        }))?;
        let layers: Vec<_> = self
            .layers
            .iter()
            .map(|layer| layer.describe("layer.v1.tar"))
            .collect();
        let manifest = self.blob(&json!({
            "schemaVersion": 2,
            "mediaType": format!("{MEDIA}.manifest.v1+json"),
            "config": config.describe("config.v1+json"),
            "layers": layers,
        }))?;
        let mut entry = manifest.describe("manifest.v1+json");
        entry["annotations"] = json!({
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name,
        });
        let index = json!({"schemaVersion": 2, "manifests": [entry]});
        let write =
            |file: &str, value: &Value| fs::write(self.folder.join(file), value.to_string());
        write("index.json", &index)?;
        write("oci-layout", &json!({"imageLayoutVersion": "1.0.0"}))?;
        let folder = self.folder.as_str();
        let mut command = Command::new("tar");
        command.args([
            "--create",
            "--file",
            archive.as_str(),
            "--directory",
            folder,
        ]);
        output_of(command.args(["oci-layout", "index.json", "blobs"]))?;
        tree::remove(&self.folder)
    }

    fn blob(&self, value: &Value) -> Result<Blob> {
        let file = self.folder.join("blob");
        fs::write(&file, value.to_string()).with_context(|| format!("write {file}"))?;
        self.adopt(&file)
    }

    /// Moves a file among the blobs.
    fn adopt(&self, file: &Utf8Path) -> Result<Blob> {
        let digest = digest(file)?;
        let size = file
            .metadata()
            .with_context(|| format!("read {file}"))?
            .len();
        fs::rename(file, self.folder.join("blobs/sha256").join(&digest))?;
        Ok(Blob { digest, size })
    }
}

fn digest(file: &Utf8Path) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut reader = File::open(file).with_context(|| format!("read {file}"))?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).with_context(|| format!("read {file}")),
        }
    }
    let digest = hasher.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// This machine's architecture in the words of images.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn text(root: &Utf8Path, args: &[&str]) -> String {
        let mut command = Command::new("tar");
        output_of(command.args(args).current_dir(root)).unwrap()
    }

    #[test]
    fn an_archive_names_its_blobs_by_what_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs::create_dir(root.join("files")).unwrap();
        fs::write(root.join("files/hello"), "world").unwrap();
        let write = |archive: &str| {
            let mut image = Image::begin(root.join("work")).unwrap();
            image.layer(&root.join("files"), &["hello"]).unwrap();
            let archive = root.join(archive);
            let settings = json!({"User": "999:999"});
            image
                .finish("a/b:1", settings, &json!({"k": "v"}), &archive)
                .unwrap();
            digest(&archive).unwrap();
            text(root, &["--list", "--file", archive.as_str()])
        };
        let listed = write("one.tar");
        assert_eq!(listed, write("two.tar"));
        assert!(!root.join("work").exists());
        text(root, &["--extract", "--file", "one.tar"]);
        let read = |path: &str| -> Value {
            serde_json::from_slice(&fs::read(root.join(path)).unwrap()).unwrap()
        };
        let blob = |described: &Value| {
            let name = described["digest"].as_str().unwrap().replace(':', "/");
            let path = format!("blobs/{name}");
            assert_eq!(
                name,
                format!("sha256/{}", digest(&root.join(&path)).unwrap())
            );
            path
        };
        let manifest = read(&blob(&read("index.json")["manifests"][0]));
        let config = read(&blob(&manifest["config"]));
        assert_eq!(config["config"]["User"], "999:999");
        assert_eq!(config["config"]["Labels"]["k"], "v");
        let layer = blob(&manifest["layers"][0]);
        assert_eq!(
            config["rootfs"]["diff_ids"][0],
            manifest["layers"][0]["digest"]
        );
        assert_eq!(text(root, &["--list", "--file", &layer]), "hello\n");
    }
}
