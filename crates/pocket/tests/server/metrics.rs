//! The page that tells how many requests were answered.

use howdah_pocket::Identity;
use http::Request;
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;

use super::{Pocket, access};

async fn page(client: &Client) -> String {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = client.send(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let text = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(text.to_vec()).unwrap()
}

/// The counter whose labels have all of these.
fn counter(page: &str, labels: &[&str]) -> Option<u64> {
    let has = |line: &&str| labels.iter().all(|label| line.contains(label));
    let line = page.lines().find(has)?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn requests_are_counted_by_verb_resource_and_code() {
    let pocket = Pocket::start().await;
    let admin = pocket.https().await;
    // Of a kind that no controller asks for.
    let path = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles/none";
    let labels = [
        "verb=\"GET\"",
        "resource=\"roles\"",
        "group=\"rbac.authorization.k8s.io\"",
        "code=\"404\"",
        "scope=\"resource\"",
        "subresource=\"\"",
    ];
    let before = page(&admin).await;
    assert_eq!(counter(&before, &labels), None);
    for _ in 0..3 {
        assert_eq!(access::raw(&admin, "GET", path, "").await.0, 404);
    }
    // What there is not has no counter of its own.
    let strange = format!("{path}/strange-{}", "x".repeat(100));
    access::raw(&admin, "GET", &strange, "").await;
    let after = page(&admin).await;
    assert_eq!(counter(&after, &labels), Some(4), "{after}");
    assert!(!after.contains("strange"), "{after}");
    pocket.stop().await;
}

#[tokio::test]
async fn counters_are_shown_to_those_who_may_see_them() {
    let pocket = Pocket::start().await;
    let identity = Identity::service_account("default", "sa");
    let user = pocket.running.server().client(identity);
    let (status, said) = access::raw(&user, "GET", "/metrics", "").await;
    assert_eq!(status, 403);
    let expected =
        "forbidden: User \"system:serviceaccount:default:sa\" cannot get path \"/metrics\"";
    assert_eq!(said["message"], expected);
    let admin = pocket.https().await;
    assert_eq!(access::raw(&admin, "POST", "/metrics", "").await.0, 405);
    pocket.stop().await;
}
