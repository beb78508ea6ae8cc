//! Manifests that must not be accepted: what is said about them, and that nothing comes of them.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Kind, Manifest, Tool, World, contains, lines, on_any_cluster, text};

/// A name for the case, the manifest, and what a person reads; `FILE` stands for the file's path.
type Case = (&'static str, Manifest, String);

/// What a person reads when a type is wrong or a field is missing: then the server does not come to the rules.
fn several(problem: &str) -> String {
    format!(
        "The SGCluster \"simple\" is invalid: \n* {problem}\n* <nil>: Invalid value: null: some validation rules were \
         not checked because the object was invalid; correct the existing errors to complete validation\n"
    )
}

fn good() -> Manifest {
    Manifest::new("simple", "18", 3)
}

fn cases() -> Vec<Case> {
    vec![
        (
            "wrong type",
            good().set("/spec/instances", "three"),
            several(
                "spec.instances: Invalid value: \"string\": spec.instances in body must be of type integer: \"string\"\n\
                 * .spec.instances: Invalid value: 0: .spec.instances accessor error: three is of the type string, \
                 expected int64",
            ),
        ),
        (
            "missing size",
            good().without("/spec/pods/persistentVolume/size"),
            several("spec.pods.persistentVolume.size: Required value"),
        ),
        (
            "no version",
            good().set("/spec/postgres/version", "nineteen"),
            "The SGCluster \"simple\" is invalid: spec.postgres.version: Invalid value: \"nineteen\": \
             must be latest, a major version such as \"18\", or a full version such as \"18.6\"\n".to_owned(),
        ),
        (
            "bad quantity",
            good().set("/spec/pods/persistentVolume/size", "5 gigs"),
            "The SGCluster \"simple\" is invalid: spec.pods.persistentVolume.size: Invalid value: \"5 gigs\": \
             spec.pods.persistentVolume.size in body should match '^[0-9]+(\\.[0-9]+)?(Mi|Gi|Ti)$'\n"
                .to_owned(),
        ),
        (
            "unknown field",
            good().set("/spec/instanzes", 3),
            "Error from server (BadRequest): error when creating \"FILE\": SGCluster in version \"v1\" cannot be \
             handled as a SGCluster: strict decoding error: unknown field \"spec.instanzes\"\n".to_owned(),
        ),
    ]
}

#[tokio::test]
async fn bad_manifests_are_refused_in_words_and_change_nothing() -> Result<()> {
    on_any_cluster(async |world| {
        for (name, manifest, expected) in cases() {
            let file = world.file(&manifest.text())?;
            for tool in [Tool::Howdah, Tool::Kubectl] {
                let outcome = world.with(tool, &["apply", "-f", &file]).await?;
                let said = outcome
                    .refused(1)
                    .with_context(|| format!("{name} with {tool:?}"))?;
                let expected = expected.replace("FILE", &file);
                ensure!(
                    said == expected,
                    "{name}: {tool:?} says\n{said}instead of\n{expected}"
                );
                nothing_exists(world).await?;
            }
        }
        a_bad_object_does_not_stop_the_others(world).await?;
        text_that_is_no_manifest(world).await?;
        a_change_for_the_worse_changes_nothing(world).await?;
        an_unknown_release_is_told_by_the_cluster(world).await
    })
    .await
}

async fn nothing_exists(world: &World) -> Result<()> {
    let api = world.api().await?;
    for kind in [Kind::CLUSTERS, Kind::PODS, Kind::CLAIMS, Kind::SECRETS] {
        let found = api.names(kind, "").await?;
        ensure!(found.is_empty(), "{} exist: {found:?}", kind.plural());
    }
    Ok(())
}

async fn a_bad_object_does_not_stop_the_others(world: &World) -> Result<()> {
    let map = |name: &str| {
        format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}, data: {{a: b}}}}")
    };
    let bad = good().without("/spec/postgres");
    let three = format!("{}\n---\n{}\n---\n{}\n", map("one"), bad.text(), map("two"));
    let file = world.file(&three)?;
    let outcome = world.howdah(&["apply", "-f", &file]).await?;
    let expected = "configmap/one created\nconfigmap/two created\n";
    ensure!(outcome.stdout == expected, "{outcome:?}");
    contains(&outcome.refused(1)?, "spec.postgres: Required value")?;
    let deleted = world.howdah(&["delete", "configmap", "one", "two"]).await;
    deleted?.ok()?;
    nothing_exists(world).await
}

async fn text_that_is_no_manifest(world: &World) -> Result<()> {
    let file = world.file("a: [1\nb: 2\n")?;
    let broken = world.howdah(&["apply", "-f", &file]).await?.refused(1)?;
    contains(&broken, &file)?;
    lines(&broken, 1)?;
    let absent = world.howdah(&["apply", "-f", "absent.yaml"]).await?;
    let absent = absent.refused(1)?;
    contains(&absent, "absent.yaml")?;
    lines(&absent, 1)
}

/// A cluster of no instances is enough to see that a refused change leaves it as it was.
async fn a_change_for_the_worse_changes_nothing(world: &World) -> Result<()> {
    let empty = Manifest::new("simple", "18", 0);
    world.apply(Tool::Howdah, &empty.text()).await?;
    let cluster = world.cluster("simple");
    cluster.wait_for_condition("Failed", "False").await?;
    let before = cluster.object().await?;
    for tool in [Tool::Howdah, Tool::Kubectl] {
        let file = world.file(&empty.clone().set("/spec/instances", -1).text())?;
        let said = world
            .with(tool, &["apply", "-f", &file])
            .await?
            .refused(1)?;
        contains(
            &said,
            "spec.instances in body should be greater than or equal to 0",
        )?;
    }
    let after = cluster.object().await?;
    ensure!(before["spec"] == after["spec"], "{after}");
    ensure!(
        before["metadata"]["generation"] == after["metadata"]["generation"],
        "{after}"
    );
    let deleted = world.howdah(&["delete", "sgcluster/simple"]).await;
    deleted?.ok().map(drop)
}

/// Which releases there are is no matter of form, so the API takes the manifest and the cluster tells.
async fn an_unknown_release_is_told_by_the_cluster(world: &World) -> Result<()> {
    let manifest = Manifest::new("future", "99", 1).text();
    world.apply(Tool::Kubectl, &manifest).await?;
    let cluster = world.cluster("future");
    let failed = cluster.wait_for_condition("Failed", "True").await?;
    contains(
        text(&failed, "/message"),
        "Postgres 99 is not available here; available: 18.",
    )?;
    let pods = cluster.instances().await?;
    ensure!(pods.is_empty(), "{pods:?}");
    let deleted = world.howdah(&["delete", "sgcluster/future"]).await;
    deleted?.ok().map(drop)
}
