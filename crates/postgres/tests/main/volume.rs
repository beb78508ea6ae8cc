//! Volumes in states that nobody wishes for.

use anyhow::{Context, Result, ensure};
use howdah_postgres::{DataDirectory, OpenError};

use crate::member::Member;

fn why(state: DataDirectory) -> Result<String> {
    match state {
        DataDirectory::Damaged { why } => Ok(why),
        other => anyhow::bail!("the data directory is {other:?}"),
    }
}

#[tokio::test]
async fn damage_is_described_and_never_a_panic() -> Result<()> {
    let member = Member::new(18, "simple-0").await?;
    let data = member.instance.layout().data();
    std::fs::create_dir(&data)?;
    std::fs::write(data.join("something"), "else")?;
    let found = why(member.instance.inspect().await?)?;
    assert_eq!(found, "the data directory has files but no PG_VERSION");
    assert!(member.instance.initialise().await.is_err());
    std::fs::write(data.join("PG_VERSION"), "eighteen\n")?;
    assert_eq!(
        why(member.instance.inspect().await?)?,
        "PG_VERSION holds no version"
    );
    std::fs::write(data.join("PG_VERSION"), "18\n")?;
    let found = why(member.instance.inspect().await?)?;
    assert!(
        found.contains("pg_controldata ended with exit status: "),
        "{found}"
    );
    assert_eq!(std::fs::read_to_string(data.join("something"))?, "else");
    Ok(())
}

#[tokio::test]
async fn a_flipped_byte_in_the_control_file_is_damage() -> Result<()> {
    let member = Member::new(18, "simple-0").await?;
    member.instance.initialise().await?;
    let path = member.instance.layout().data().join("global/pg_control");
    let mut bytes = std::fs::read(&path)?;
    *bytes.get_mut(40).context("the control file is longer")? ^= 1;
    std::fs::write(&path, bytes)?;
    assert_eq!(
        why(member.instance.inspect().await?)?,
        "the control file has a wrong checksum"
    );
    Ok(())
}

#[tokio::test]
async fn another_major_version_is_told_apart_from_damage() -> Result<()> {
    let member = Member::new(17, "simple-0").await?;
    member.instance.initialise().await?;
    let newer = howdah_postgres::Instance::new(
        member.instance.layout().clone(),
        crate::member::programs(18).await?,
        member.instance.identity().clone(),
    )?;
    let DataDirectory::OtherMajor { found, programs } = newer.inspect().await? else {
        anyhow::bail!("not told apart");
    };
    assert_eq!((found.number(), programs.number()), (17, 18));
    Ok(())
}

#[tokio::test]
async fn a_volume_has_one_agent() -> Result<()> {
    let member = Member::new(18, "simple-0").await?;
    let second = member.instance.take_volume().await;
    ensure!(matches!(second, Err(OpenError::InUse)), "taken twice");
    Ok(())
}
