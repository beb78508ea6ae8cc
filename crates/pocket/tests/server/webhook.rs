//! A webhook server of the test's own: TLS, with a certificate for whatever name is wanted.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What the server does with a review.
pub(crate) enum Reply {
    /// Answers this `response`; the uid is filled in.
    Response(Value),
    /// Answers this, whatever it is.
    Raw(u16, Bytes),
    /// Never answers.
    Silence,
}

type Handler = dyn Fn(&str, &Value) -> Reply + Send + Sync;

/// A running webhook server.
pub(crate) struct Webhook {
    pub(crate) port: u16,
    /// The certificate to trust, as `caBundle` wants it.
    pub(crate) bundle: String,
    seen: Arc<Mutex<Vec<(String, Value)>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Allows without a word.
pub(crate) fn allow() -> Reply {
    Reply::Response(json!({"allowed": true}))
}

/// Allows with a patch.
pub(crate) fn patch(operations: &Value) -> Reply {
    let patch = STANDARD.encode(operations.to_string());
    Reply::Response(json!({"allowed": true, "patchType": "JSONPatch", "patch": patch}))
}

impl Webhook {
    /// Serves as `localhost` and `127.0.0.1`.
    pub(crate) async fn start(
        handler: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::named(&["localhost", "127.0.0.1"], handler).await
    }

    /// Serves with a certificate for these names.
    pub(crate) async fn named(
        names: &[&str],
        handler: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (bundle, acceptor) = certificates(names);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (handler, record): (Arc<Handler>, _) = (Arc::new(handler), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, handler) = (acceptor.clone(), Arc::clone(&handler));
                let record = Arc::clone(&record);
                connections.spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = hyper::service::service_fn(move |request| {
                        answer(request, Arc::clone(&handler), Arc::clone(&record))
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    drop(http.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Self {
            port,
            bundle,
            seen,
            task,
        }
    }

    /// The requests of all reviews so far, with the paths they came to.
    pub(crate) fn seen(&self) -> Vec<(String, Value)> {
        self.seen.lock().clone()
    }

    /// Like [`Self::seen`], and forgets them.
    pub(crate) fn take(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.seen.lock())
    }

    /// A webhook at a path of this server, with what the test wants otherwise.
    pub(crate) fn entry(&self, name: &str, path: &str, more: Value) -> Value {
        let url = format!("https://localhost:{}{path}", self.port);
        let mut entry = json!({
            "name": name, "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": url, "caBundle": self.bundle},
            "rules": [{"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"],
                "resources": ["configmaps"]}],
            // The controllers make ConfigMaps of their own in every namespace.
            "matchConditions": [{"name": "ours",
                "expression": "request.userInfo.username == 'admin'"}],
        });
        for (key, value) in more.as_object().unwrap() {
            entry[key] = value.clone();
        }
        entry
    }
}

async fn answer(
    request: http::Request<hyper::body::Incoming>,
    handler: Arc<Handler>,
    seen: Arc<Mutex<Vec<(String, Value)>>>,
) -> Result<http::Response<Full<Bytes>>, std::convert::Infallible> {
    let path = request.uri().to_string();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(review["kind"], "AdmissionReview");
    assert_eq!(review["apiVersion"], "admission.k8s.io/v1");
    let request = review["request"].clone();
    seen.lock().push((path.clone(), request.clone()));
    let (status, body) = match handler(&path, &request) {
        Reply::Raw(status, body) => (status, body),
        Reply::Silence => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            (200, Bytes::new())
        }
        Reply::Response(mut response) => {
            if response.get("uid").is_none() {
                response["uid"] = request["uid"].clone();
            }
            let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                "response": response});
            (200, review.to_string().into())
        }
    };
    let response = http::Response::builder().status(status);
    Ok(response.body(Full::new(body)).unwrap())
}

fn certificates(names: &[&str]) -> (String, TlsAcceptor) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&authority_key).unwrap();
    let bundle = STANDARD.encode(certificate.pem());
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let leaf = CertificateParams::new(names).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], secret)
        .unwrap();
    (bundle, TlsAcceptor::from(Arc::new(config)))
}
