//! Manifests that must not be accepted: what is said about them, and that nothing comes of them.

use anyhow::{Result, ensure};
use howdah_e2e::{Manifest, World, contains, run};

/// A name for the case, the manifest, and what a person reads; `FILE` stands for the file's path.
type Case = (&'static str, Manifest, &'static str);

fn cases() -> Vec<Case> {
    let good = || Manifest::new("simple", "18", 3);
    vec![
        (
            "wrong type",
            good().set("/spec/instances", "three"),
            "The SGCluster \"simple\" is invalid: spec.instances: Invalid value: \"string\": spec.instances in body must be of type integer: \"string\"\n",
        ),
        (
            "missing size",
            good().without("/spec/pods/persistentVolume/size"),
            "The SGCluster \"simple\" is invalid: spec.pods.persistentVolume.size: Required value\n",
        ),
        (
            "no version",
            good().set("/spec/postgres/version", "nineteen"),
            "The SGCluster \"simple\" is invalid: spec.postgres.version: Invalid value: \"nineteen\": must be latest, a major version such as \"18\", or a full version such as \"18.6\"\n",
        ),
        (
            "bad quantity",
            good().set("/spec/pods/persistentVolume/size", "5 gigs"),
            "The SGCluster \"simple\" is invalid: spec.pods.persistentVolume.size: Invalid value: \"5 gigs\": spec.pods.persistentVolume.size in body should match '^[0-9]+(\\.[0-9]+)?(Mi|Gi|Ti)$'\n",
        ),
        (
            "unknown field",
            good().set("/spec/instanzes", 3),
            "Error from server (BadRequest): error when creating \"FILE\": SGCluster in version \"v1\" cannot be handled as a SGCluster: strict decoding error: unknown field \"spec.instanzes\"\n",
        ),
    ]
}

fn nothing_exists(world: &World) -> Result<()> {
    let left = world
        .howdah(&["get", "sgclusters,pods,pvc", "-A", "-o", "name"])?
        .ok()?;
    ensure!(left.is_empty(), "{left}");
    Ok(())
}

#[tokio::test]
async fn bad_manifests_are_refused_in_words_and_change_nothing() -> Result<()> {
    run(async |world| {
        world.up()?;
        for (name, manifest, expected) in cases() {
            let file = world.file("bad.yaml", &manifest.text())?;
            let expected = expected.replace("FILE", &file);
            let ours = world.howdah(&["apply", "-f", &file])?.refused(1)?;
            ensure!(
                ours == expected,
                "{name}: howdah says\n{ours}instead of\n{expected}"
            );
            let theirs = world.kubectl(&["apply", "-f", &file])?.refused(1)?;
            ensure!(
                theirs == expected,
                "{name}: kubectl says\n{theirs}instead of\n{expected}"
            );
            nothing_exists(world)?;
        }
        a_bad_object_does_not_stop_the_others(world)?;
        an_unknown_release_is_told_by_the_cluster(world).await?;
        the_command_line_is_checked(world)
    })
    .await
}

fn a_bad_object_does_not_stop_the_others(world: &World) -> Result<()> {
    let secret = |name: &str| {
        format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: {name}}}, stringData: {{a: b}}}}"
        )
    };
    let bad = Manifest::new("simple", "18", 3).without("/spec/postgres");
    let text = format!(
        "{}\n---\n{}\n---\n{}\n",
        secret("one"),
        bad.text(),
        secret("two")
    );
    let file = world.file("three.yaml", &text)?;
    let outcome = world.howdah(&["apply", "-f", &file])?;
    ensure!(
        outcome.stdout == "secret/one created\nsecret/two created\n",
        "{outcome:?}"
    );
    contains(&outcome.refused(1)?, "spec.postgres: Required value")?;
    world.howdah(&["delete", "secret", "one", "two"])?.ok()?;
    nothing_exists(world)
}

/// Which releases there are is no matter of form, so the API takes the manifest and the cluster tells.
async fn an_unknown_release_is_told_by_the_cluster(world: &World) -> Result<()> {
    world.apply(&Manifest::new("future", "99", 1).text())?;
    let message = world
        .cluster("future")
        .wait_for_condition("Failed", "True")
        .await?;
    contains(&message, "99")?;
    contains(&message, "18.")?;
    let pods = world.howdah(&["get", "pods", "-o", "name"])?.ok()?;
    ensure!(pods.is_empty(), "{pods}");
    world.howdah(&["delete", "sgcluster/future"])?.ok()?;
    nothing_exists(world)
}

fn the_command_line_is_checked(world: &World) -> Result<()> {
    let absent = world.howdah(&["get", "sgcluster", "absent"])?.refused(1)?;
    ensure!(
        absent == "Error from server (NotFound): sgclusters.stackgres.io \"absent\" not found\n",
        "{absent}"
    );
    let kind = world.howdah(&["get", "sgfoo"])?.refused(1)?;
    ensure!(
        kind == "error: the server doesn't have a resource type \"sgfoo\"\n",
        "{kind}"
    );
    let file = world.file("broken.yaml", "a: [1\nb: 2\n")?;
    let broken = world.howdah(&["apply", "-f", &file])?.refused(1)?;
    contains(&broken, "broken.yaml cannot be read as YAML or JSON")?;
    world.howdah(&["get"])?.refused(2)?;
    world.howdah(&["up", "-n", "x"])?.refused(2)?;
    Ok(())
}
