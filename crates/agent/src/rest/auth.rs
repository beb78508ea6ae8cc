//! Who may act: the user of the cluster's Secret, by basic authentication.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use howdah_postgres::Layout;

const USERNAME: &str = "/etc/howdah/credentials/restapi-username";
const PASSWORD: &str = "/etc/howdah/credentials/restapi-password";
/// The longest header that is looked at.
const LONGEST: usize = 4096;

/// Checks the request's credentials against the mounted ones, which are read anew for each request: there
/// are few, and the files change.
pub(super) async fn check(layout: Layout, headers: &HeaderMap) -> Result<(), Response> {
    let read = tokio::task::spawn_blocking(move || {
        let read = |path| std::fs::read_to_string(layout.resolve(path));
        Some((read(USERNAME).ok()?, read(PASSWORD).ok()?))
    });
    let expected = read.await.ok().flatten();
    match (expected, given(headers)) {
        (Some((user, password)), Some(given)) if is_right(&user, &password, &given) => Ok(()),
        _ => Err(refusal()),
    }
}

fn given(headers: &HeaderMap) -> Option<Vec<u8>> {
    let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > LONGEST {
        return None;
    }
    STANDARD.decode(encoded.trim()).ok()
}

/// Takes as long for a wrong guess as for a nearly right one.
fn is_right(user: &str, password: &str, given: &[u8]) -> bool {
    let (user, password) = (user.trim_end_matches('\n'), password.trim_end_matches('\n'));
    if user.is_empty() || password.is_empty() {
        return false;
    }
    let expected = format!("{user}:{password}");
    verify_slices_are_equal(expected.as_bytes(), given).is_ok()
}

fn refusal() -> Response {
    let headers = [(header::WWW_AUTHENTICATE, "Basic realm=\"howdah\"")];
    (
        StatusCode::UNAUTHORIZED,
        headers,
        "authentication required\n",
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8Path;

    fn headers(value: &str) -> HeaderMap {
        [(header::AUTHORIZATION, value.parse().unwrap())]
            .into_iter()
            .collect()
    }

    #[tokio::test]
    async fn only_the_user_of_the_secret_may_act() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::below(Utf8Path::from_path(folder.path()).unwrap());
        let right = format!("Basic {}", STANDARD.encode("superuser:geheim:x"));
        assert!(
            check(layout.clone(), &headers(&right)).await.is_err(),
            "no file"
        );
        std::fs::create_dir_all(layout.resolve("/etc/howdah/credentials")).unwrap();
        std::fs::write(layout.resolve(USERNAME), "superuser").unwrap();
        std::fs::write(layout.resolve(PASSWORD), "").unwrap();
        let empty = format!("Basic {}", STANDARD.encode("superuser:"));
        assert!(
            check(layout.clone(), &headers(&empty)).await.is_err(),
            "an empty password"
        );
        std::fs::write(layout.resolve(PASSWORD), "geheim:x\n").unwrap();
        assert!(check(layout.clone(), &headers(&right)).await.is_ok());
        let scheme = right.replace("Basic", "bAsIc");
        assert!(check(layout.clone(), &headers(&scheme)).await.is_ok());
        for wrong in [
            right.replace("Basic", "Bearer"),
            format!("Basic {}", STANDARD.encode("superuser:geheim")),
            format!("Basic {}", STANDARD.encode("postgres:geheim:x")),
            format!("Basic {}", "A".repeat(LONGEST + 4)),
            "Basic ???".to_owned(),
            "Basic".to_owned(),
        ] {
            let refused = check(layout.clone(), &headers(&wrong)).await.unwrap_err();
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{wrong}");
            assert!(refused.headers().contains_key(header::WWW_AUTHENTICATE));
        }
        assert!(check(layout, &HeaderMap::new()).await.is_err());
    }
}
