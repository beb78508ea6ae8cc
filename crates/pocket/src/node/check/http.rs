//! Getting a page, with or without TLS.

use std::net::Ipv4Addr;
use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::node::plan::probes::HttpCheck;

trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

/// Gets a page; an answer that is no success is an error.
pub(super) async fn get(page: &HttpCheck, ip: Ipv4Addr) -> Result<(), String> {
    let host = page.host.clone().unwrap_or(ip.to_string());
    let scheme = if page.tls { "https" } else { "http" };
    let url = format!("{scheme}://{host}:{}{}", page.port, page.path);
    let fail = |error: &dyn std::fmt::Display| format!("Get {url:?}: {error}");
    let stream = connect(page, &host).await.map_err(|error| fail(&error))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| fail(&error))?;
    let mut request = Request::get(&page.path)
        .header("User-Agent", "kube-probe/pocket")
        .header("Accept", "*/*")
        .header("Connection", "close");
    if !page
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        request = request.header("Host", format!("{host}:{}", page.port));
    }
    for (name, value) in &page.headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| fail(&error))?;
    let answer = sender.send_request(request);
    let (mut answer, connection) = (pin!(answer), pin!(connection));
    // The connection makes progress only while it is polled; it ends with this function. A server that closes at
    // once ends it in the moment in which the answer is there.
    let response = tokio::select! {
        response = &mut answer => response,
        _ = connection => answer.await,
    };
    let response = response.map_err(|error| fail(&error))?;
    let status = response.status().as_u16();
    if (200..400).contains(&status) {
        Ok(())
    } else {
        Err(format!("HTTP probe failed with statuscode: {status}"))
    }
}

async fn connect(page: &HttpCheck, host: &str) -> std::io::Result<Pin<Box<dyn Stream>>> {
    let stream = TcpStream::connect((host, page.port)).await?;
    if !page.tls {
        return Ok(Box::pin(stream));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
    let connector = TlsConnector::from(Arc::new(tls().map_err(std::io::Error::other)?));
    Ok(Box::pin(connector.connect(name, stream).await?))
}

/// TLS as a kubelet speaks it for probes: without a look at the certificate.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    Ok(config)
}

/// Takes any certificate whose key the server has.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// Answers one request over TLS with a certificate that nobody vouches for.
    async fn serve(answer: &'static str) -> (u16, tokio::task::JoinHandle<()>) {
        let key = rcgen::generate_simple_self_signed(["somewhere".to_owned()]).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![key.cert.der().clone()],
                rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der())
                    .unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut head = [0; 1024];
            let count = stream.read(&mut head).await.unwrap();
            assert!(head[..count].starts_with(b"GET /healthy HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        (port, server)
    }

    #[tokio::test]
    async fn a_page_is_got_over_tls_whoever_vouches_for_the_server() {
        for (answer, is_good) in [
            ("HTTP/1.1 204 No Content\r\n\r\n", true),
            ("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", false),
        ] {
            let (port, server) = serve(answer).await;
            let page = HttpCheck {
                host: None,
                port,
                tls: true,
                path: "/healthy".to_owned(),
                headers: Vec::new(),
            };
            let result = get(&page, Ipv4Addr::LOCALHOST).await;
            assert_eq!(result.is_ok(), is_good, "{result:?}");
            server.await.unwrap();
        }
    }
}
