//! What people type all day, and what they read: everyday `kubectl` commands.
//!
//! The expected output is that of a real cluster with the same objects. Before it is compared, what differs from run
//! to run is made the same: ages, times, uids, revisions, addresses, tokens and versions.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{World, on_pocket};

const DEFINITION: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.golden.example.org}
spec:
  group: golden.example.org
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wg], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
";

fn objects(size: u32) -> String {
    format!(
        "apiVersion: golden.example.org/v1\nkind: Widget\nmetadata: {{name: w, namespace: default}}\n\
         spec: {{size: {size}}}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: kc, namespace: default}}\ndata: {{a: b}}\n"
    )
}

/// A command, and all that it prints; a line `...` stands for any lines. Without output it has to fail.
type Case = (&'static str, &'static str);

const READING: &[Case] = &[
    ("explain widget.spec", "\
GROUP:      golden.example.org
KIND:       Widget
VERSION:    v1

FIELD: spec <Object>


DESCRIPTION:
    <empty>
FIELDS:
  size	<integer>
    <no description>


"),
    ("get widgets", "NAME   AGE\nw      AGE\n"),
    ("get wg w -o yaml", "\
apiVersion: golden.example.org/v1
kind: Widget
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {\"apiVersion\":\"golden.example.org/v1\",\"kind\":\"Widget\",\"metadata\":{\"name\":\"w\",\"namespace\":\"default\"},\"spec\":{\"size\":2}}
  creationTimestamp: TIME
  generation: 2
  name: w
  namespace: default
  resourceVersion: REVISION
  uid: UID
spec:
  size: 2
"),
    ("get all", "\
NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE
service/kubernetes ClusterIP ADDRESS <none> 443/TCP AGE

NAME AGE
widget.golden.example.org/w AGE
"),
    ("get cm,secret -A", "\
NAMESPACE NAME DATA AGE
default configmap/kc 1 AGE
default configmap/kube-root-ca.crt 1 AGE
...
kube-system configmap/kube-root-ca.crt 1 AGE
"),
    ("get pods -o wide", ""),
    ("get events", ""),
    ("describe widget w", "\
Name:         w
Namespace:    default
Labels:       <none>
Annotations:  <none>
API Version:  golden.example.org/v1
Kind:         Widget
Metadata:
  Creation Timestamp:  TIME
  Generation:          2
  Resource Version:    REVISION
  UID:                 UID
Spec:
  Size:  2
Events:  <none>
"),
    ("label wg w a=b", "widget.golden.example.org/w labeled\n"),
    ("annotate wg w c=d", "widget.golden.example.org/w annotated\n"),
    ("patch wg w --type merge -p {\"spec\":{\"size\":5}}", "widget.golden.example.org/w patched\n"),
    (
        "patch wg w --type json -p [{\"op\":\"replace\",\"path\":\"/spec/size\",\"value\":6}]",
        "widget.golden.example.org/w patched\n",
    ),
    ("wait --for=jsonpath={.spec.size}=6 wg/w --timeout=5s", "widget.golden.example.org/w condition met\n"),
    ("auth can-i create pods", "yes\n"),
    (
        "auth can-i --list",
        "\
Resources Non-Resource URLs Resource Names Verbs
*.* [] [] [*]
...
",
    ),
    ("auth whoami", "\
ATTRIBUTE VALUE
Username admin
Groups [system:masters system:authenticated]
Extra: authentication.kubernetes.io/credential-id [X509SHA256=DIGEST]
"),
    ("cluster-info", "\
Kubernetes control plane is running at https://ADDRESS

To further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.
"),
    ("version", "Client Version: VERSION\nKustomize Version: VERSION\nServer Version: VERSION\n"),
    ("api-resources", "\
NAME SHORTNAMES APIVERSION NAMESPACED KIND
...
pods po v1 true Pod
...
mutatingwebhookconfigurations admissionregistration.k8s.io/v1 false MutatingWebhookConfiguration
validatingwebhookconfigurations admissionregistration.k8s.io/v1 false ValidatingWebhookConfiguration
customresourcedefinitions crd,crds apiextensions.k8s.io/v1 false CustomResourceDefinition
...
widgets wg golden.example.org/v1 true Widget
...
"),
    ("api-resources -o wide --categories all", "\
NAME SHORTNAMES APIVERSION NAMESPACED KIND VERBS CATEGORIES
pods po v1 true Pod create,delete,deletecollection,get,list,patch,update,watch all
services svc v1 true Service create,delete,deletecollection,get,list,patch,update,watch all
widgets wg golden.example.org/v1 true Widget delete,deletecollection,get,list,patch,create,update,watch all
"),
    ("get api-extensions", "NAME CREATED AT\n...\ncustomresourcedefinition.apiextensions.k8s.io/widgets.golden.example.org TIME\n"),
];

/// A command that fails, and what it says.
const FAILING: &[Case] = &[
    (
        "describe pod t",
        "Error from server (NotFound): pods \"t\" not found\n",
    ),
    (
        "logs t",
        "error: error from server (NotFound): pods \"t\" not found in namespace \"default\"\n",
    ),
    (
        "exec t -- /pause-not-there",
        "Error from server (NotFound): pods \"t\" not found\n",
    ),
    (
        "wait --for=condition=Ready pod/t --timeout=5s",
        "Error from server (NotFound): pods \"t\" not found\n",
    ),
    (
        "port-forward pod/t 18080:80 --address 127.0.0.1",
        "Error from server (NotFound): pods \"t\" not found\n",
    ),
    ("top nodes", "error: Metrics API not available\n"),
    (
        "get nothing",
        "error: the server doesn't have a resource type \"nothing\"\n",
    ),
];

const NAMESPACE: &[Case] = &[
    ("create namespace ktest", "namespace/ktest created\n"),
    (
        "create configmap x --from-literal=a=b -n ktest",
        "configmap/x created\n",
    ),
    (
        "create secret generic sx --from-literal=a=b -n ktest",
        "secret/sx created\n",
    ),
    (
        "create serviceaccount robot -n ktest",
        "serviceaccount/robot created\n",
    ),
    (
        "create role r --verb=get --resource=pods -n ktest",
        "role.rbac.authorization.k8s.io/r created\n",
    ),
    (
        "create rolebinding rb --role=r --serviceaccount=ktest:robot -n ktest",
        "rolebinding.rbac.authorization.k8s.io/rb created\n",
    ),
    (
        "auth can-i get pods -n ktest --as=system:serviceaccount:ktest:robot",
        "yes\n",
    ),
    ("create token robot -n ktest", "TOKEN\n"),
    (
        "delete ns ktest --wait=false",
        "namespace \"ktest\" deleted\n",
    ),
];

#[tokio::test]
async fn everyday_commands_print_what_they_print_on_a_real_cluster() -> Result<()> {
    on_pocket(async |world| {
        let definition = world.file(DEFINITION)?;
        let (first, second) = (world.file(&objects(1))?, world.file(&objects(2))?);
        let same = "widget.golden.example.org/w unchanged\nconfigmap/kc unchanged\n";
        let changed = "widget.golden.example.org/w configured\nconfigmap/kc unchanged\n";
        let created = "widget.golden.example.org/w created\nconfigmap/kc created\n";
        let defined = "customresourcedefinition.apiextensions.k8s.io/widgets.golden.example.org created\n";
        let applied = "widget.golden.example.org/w serverside-applied\nconfigmap/kc serverside-applied\n";
        for (file, expected) in [(&definition, defined), (&first, created), (&second, changed), (&second, same)] {
            said(world, &["apply", "-f", file], expected).await?;
        }
        let forced = ["apply", "--server-side", "-f", &second, "--force-conflicts"];
        said(world, &forced, applied).await?;
        said(world, &["diff", "-f", &second], "").await?;
        let differs = world.kubectl(&["diff", "-f", &first]).await?;
        ensure!(differs.code == 1 && differs.stdout.contains("+  size: 1"), "{differs:?}");
        for (command, expected) in READING.iter().chain(NAMESPACE) {
            let words: Vec<&str> = command.split(' ').collect();
            said(world, &words, expected).await?;
        }
        for (command, expected) in FAILING {
            let words: Vec<&str> = command.split(' ').collect();
            let outcome = world.kubectl(&words).await?;
            ensure!(outcome.code == 1 && outcome.stderr == *expected, "{outcome:?}");
        }
        let deleted = "widget.golden.example.org \"w\" deleted from default namespace\n\
                       configmap \"kc\" deleted from default namespace\n";
        said(world, &["delete", "-f", &second], deleted).await?;
        let gone = "customresourcedefinition.apiextensions.k8s.io \"widgets.golden.example.org\" deleted\n";
        said(world, &["delete", "crd", "widgets.golden.example.org"], gone).await
    })
    .await
}

async fn said(world: &World, words: &[&str], expected: &str) -> Result<()> {
    let outcome = world.kubectl(words).await?;
    let printed = alike(&outcome.stdout);
    let (line, said) = (outcome.line.clone(), outcome.stderr.clone());
    outcome.ok()?;
    fits(&printed, &alike(expected))
        .with_context(|| format!("`{line}` printed\n{printed}\nand said {said:?}, not\n{expected}"))
}

/// Whether lines are as expected; `...` stands for any number of them.
fn fits(printed: &str, expected: &str) -> Result<()> {
    let mut printed = printed.lines();
    let mut skip = false;
    for wanted in expected.lines() {
        if wanted == "..." {
            skip = true;
            continue;
        }
        let found = if skip {
            printed.find(|line| *line == wanted)
        } else {
            printed.next()
        };
        ensure!(
            found == Some(wanted),
            "{wanted:?} is not there, but {found:?}"
        );
        skip = false;
    }
    let rest = printed.next();
    ensure!(skip || rest.is_none(), "there is more: {rest:?}");
    Ok(())
}

/// Text without what differs from run to run; columns are as wide as what they hold, so spaces count as one.
fn alike(text: &str) -> String {
    let line = |line: &str| {
        let indent: String = line.chars().take_while(|letter| *letter == ' ').collect();
        let words: Vec<String> = line.split_whitespace().map(word).collect();
        let whole = indent + &words.join(" ");
        match whole.split_once(": ") {
            Some((head, _))
                if head.trim() == "resourceVersion" || head.trim() == "Resource Version" =>
            {
                format!("{head}: REVISION")
            }
            _ => whole,
        }
    };
    text.lines().map(line).map(|line| line + "\n").collect()
}

fn word(word: &str) -> String {
    let bare = word.trim_matches('"');
    let is = |letters: &str| {
        !bare.is_empty()
            && bare
                .chars()
                .all(|one| one.is_ascii_digit() || letters.contains(one))
    };
    let starts_with_digit = bare.starts_with(|one: char| one.is_ascii_digit());
    if starts_with_digit && bare.ends_with(['s', 'm', 'h']) && is("smh") {
        return "AGE".to_owned();
    }
    if starts_with_digit && bare.ends_with('Z') && is("-:TZ") {
        return "TIME".to_owned();
    }
    if bare.len() == 36 && bare.matches('-').count() == 4 && is("abcdef-") {
        return "UID".to_owned();
    }
    if starts_with_digit && bare.matches('.').count() == 3 && is(".") {
        return "ADDRESS".to_owned();
    }
    if let Some(address) = bare.strip_prefix("https://")
        && address
            .chars()
            .all(|one| one.is_ascii_digit() || ".:".contains(one))
    {
        return "https://ADDRESS".to_owned();
    }
    if bare.starts_with('v')
        && bare.matches('.').count() == 2
        && bare[1..]
            .chars()
            .all(|one| one.is_ascii_digit() || one == '.')
    {
        return "VERSION".to_owned();
    }
    if bare.starts_with("[X509SHA256=") {
        return "[X509SHA256=DIGEST]".to_owned();
    }
    if bare.starts_with("eyJ") && bare.matches('.').count() == 2 {
        return "TOKEN".to_owned();
    }
    word.to_owned()
}
