//! `cargo xtask images`: the container images, as archives that any container runtime imports, and their catalogue.
//!
//! With `buildah` or `docker` they are built from `deploy/images`; the base can be a folder, for example one made by
//! `debootstrap`, so no registry is needed. Without a builder they are put together from the bundles that
//! `cargo xtask components` has made.
//!
//! | module | owns |
//! |---|---|
//! | `builder` | calling `buildah` or `docker` |
//! | `bundles` | images from bundles |
//! | `oci` | writing an image as an archive |
//! | `text` | versions in what programs say, paragraphs for `printf` |

mod builder;
mod bundles;
mod oci;
mod text;

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::catalogue::{Catalogue, Component, ComponentName};
use serde_json::json;

use self::builder::Builder;
use self::text::{one_line, version_in};
use crate::tree;
use crate::workspace::Workspace;

/// Version of what is built, in the names of the images.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The library that Envoy loads.
const FILTER: &str = "libhowdah_envoy_filter.so";

/// The flags of the task.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Image, or folder with the root of a Debian, that everything is built on
    #[arg(long, env = "BASE", default_value = "debian:trixie-slim")]
    base: String,
    /// Major version of Postgres to build; may be repeated
    #[arg(long, value_name = "MAJOR", default_value = "17")]
    postgres: Vec<u16>,
    /// Extensions in the images of Postgres, as Debian's packages call them after `postgresql-MAJOR-`
    #[arg(
        long,
        value_name = "LIST",
        default_value = "repack pgvector pgaudit wal2json"
    )]
    extensions: String,
    /// File with a deb822 paragraph of another package repository [default: what the base uses]
    #[arg(long, value_name = "FILE")]
    sources: Option<Utf8PathBuf>,
    /// The key of that repository, armoured
    #[arg(long, value_name = "FILE", requires = "sources")]
    key: Option<Utf8PathBuf>,
    /// The howdah program to put in [default: that of `make build`]
    #[arg(long, value_name = "FILE")]
    program: Option<Utf8PathBuf>,
    /// The plain Envoy program; without it the image of Envoy is left out
    #[arg(long, value_name = "FILE")]
    envoy: Option<Utf8PathBuf>,
    /// The filter that Envoy loads [default: that of `make build`]
    #[arg(long, value_name = "FILE")]
    filter: Option<Utf8PathBuf>,
    /// Put images together from the bundles in this folder, without a builder; the base must be a folder
    #[arg(long, value_name = "DIR")]
    bundles: Option<Utf8PathBuf>,
    /// Folder of the archives and the catalogue [default: images in cargo's target folder]
    #[arg(long, value_name = "DIR")]
    out: Option<Utf8PathBuf>,
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::load()?;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| workspace.target.join("images"));
    fs::create_dir_all(&out).with_context(|| format!("create {out}"))?;
    let program = args
        .program
        .clone()
        .unwrap_or_else(|| workspace.target.join("release/howdah"));
    ensure!(
        program.is_file(),
        "{program} is missing: run `make build` first"
    );
    let filter = args
        .filter
        .clone()
        .unwrap_or_else(|| program.with_file_name(FILTER));
    let ours = Ours { program, filter };
    let components = match &args.bundles {
        Some(bundles) => bundles::build(args.base.as_ref(), bundles, &ours, &out)?,
        None => build(&workspace, args, &ours, &out)?,
    };
    write_catalogue(&Catalogue { components }, &out)
}

/// What was built here and goes into the images.
struct Ours {
    program: Utf8PathBuf,
    /// Only into the image of Envoy.
    filter: Utf8PathBuf,
}

/// Builds every image with the builder that is there.
fn build(
    workspace: &Workspace,
    args: &Args,
    ours: &Ours,
    out: &Utf8Path,
) -> Result<Vec<Component>> {
    let context = context(workspace, args, ours, out)?;
    let builder = Builder::find()?;
    let sources = match &args.sources {
        None => String::new(),
        Some(file) => one_line(&fs::read_to_string(file).with_context(|| format!("read {file}"))?),
    };
    let common = [
        ("BASE", builder.base(&args.base)?),
        ("HOWDAH_VERSION", VERSION.to_owned()),
        ("SOURCES", sources),
    ];
    let files = workspace.root.join("deploy/images");
    let make = |name: &str, more: &[(&str, String)]| {
        let file = files.join(name).join("Containerfile");
        let arguments: Vec<_> = common.iter().chain(more).collect();
        builder.build(&file, &context, &arguments)
    };
    let finish = |built: &str, component: ComponentName, program: &str| -> Result<Component> {
        let version = version_in(&builder.output(built, program)?)?;
        let image = image(component.as_str(), &version);
        builder.save(built, &image, &archive(out, component.as_str(), &version))?;
        Ok(entry(component, version, image))
    };
    let howdah = format!("howdah/howdah:{VERSION}");
    builder.save(
        &make("howdah", &[])?,
        &howdah,
        &archive(out, "howdah", VERSION),
    )?;
    let mut components = Vec::new();
    for major in &args.postgres {
        let major = ("MAJOR", major.to_string());
        let extensions = ("EXTENSIONS", args.extensions.clone());
        let built = make("postgres", &[major.clone(), extensions])?;
        components.push(finish(&built, ComponentName::Postgres, "postgres")?);
        let built = make("postgres-util", &[major])?;
        components.push(finish(&built, ComponentName::PostgresUtil, "psql")?);
    }
    let built = make("pgbouncer", &[])?;
    components.push(finish(&built, ComponentName::Pgbouncer, "pgbouncer")?);
    if args.envoy.is_some() {
        let built = make("envoy", &[])?;
        components.push(finish(&built, ComponentName::Envoy, "envoy")?);
    }
    tree::remove(&context)?;
    Ok(components)
}

/// What the Containerfiles copy from beside them.
fn context(workspace: &Workspace, args: &Args, ours: &Ours, out: &Utf8Path) -> Result<Utf8PathBuf> {
    let folder = out.join("context");
    tree::remove(&folder)?;
    fs::create_dir_all(&folder).with_context(|| format!("create {folder}"))?;
    let lock = workspace.root.join("Cargo.lock");
    let mut files = vec![
        (ours.program.as_path(), "howdah"),
        (lock.as_path(), "Cargo.lock"),
    ];
    if let Some(envoy) = &args.envoy {
        files.extend([(envoy.as_path(), "envoy"), (ours.filter.as_path(), FILTER)]);
    }
    files.extend(args.key.as_deref().map(|file| (file, "repository.asc")));
    if args.key.is_none() {
        fs::write(folder.join("repository.asc"), "")?;
    }
    for (from, name) in files {
        fs::copy(from, folder.join(name)).with_context(|| format!("copy {from}"))?;
    }
    Ok(folder)
}

/// The name of a component's image, which the committed catalogue uses too.
fn image(component: &str, version: &str) -> String {
    format!("howdah/{component}:{version}-{VERSION}")
}

fn archive(out: &Utf8Path, name: &str, version: &str) -> Utf8PathBuf {
    out.join(format!("{name}-{version}.tar"))
}

fn entry(component: ComponentName, version: String, image: String) -> Component {
    Component {
        component,
        version,
        image,
        programs: Vec::new(),
        env: std::collections::BTreeMap::new(),
    }
}

/// Writes the ConfigMap that makes the operator use exactly these images.
fn write_catalogue(catalogue: &Catalogue, out: &Utf8Path) -> Result<()> {
    let problems = catalogue.problems();
    if !problems.is_empty() {
        bail!("the catalogue would be wrong: {}", problems.join("; "));
    }
    let text = serde_saphyr::to_string(catalogue).context("write the catalogue as YAML")?;
    let map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "howdah-catalogue", "namespace": "howdah-system"},
        "data": {"catalogue.yaml": text},
    });
    let path = out.join("catalogue.yaml");
    let text = serde_saphyr::to_string(&map).context("write the ConfigMap as YAML")?;
    fs::write(&path, text).with_context(|| format!("write {path}"))?;
    eprintln!("images: archives and {path} are ready");
    Ok(())
}
