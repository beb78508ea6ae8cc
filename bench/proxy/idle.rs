//! The memory of Envoy for each client that has a session and does nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use howdah_testkit::raise_descriptors;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use super::arguments::Arguments;
use super::stack::{Stack, Way};
use super::usage;

/// The ways that end at PgBouncer, which has room for thousands.
const WAYS: [Way; 3] = [Way::Both, Way::Full, Way::FullTls];

/// Descriptors that each of the programs has without clients, with room to spare.
const FILES: u64 = 500;

/// Sessions that are open before the first measurement, so that what Envoy makes once is not counted.
const WARM: usize = 50;

pub(crate) async fn measure(stack: &mut Stack, arguments: &Arguments) -> Result<String> {
    let count = arguments.idle;
    // Two of Envoy for each, and one of PgBouncer and of ours. Without, sessions do not begin and nobody says why.
    raise_descriptors(2 * u64::try_from(count + WARM)? + FILES)?;
    let mut text = format!(
        "\n{count} idle sessions\n{:<14} {:>26}\n",
        "way", "bytes in Envoy for each"
    );
    for way in WAYS.into_iter().filter(|way| arguments.ways.contains(way)) {
        stack.renew_envoy().await?;
        let mut sessions = Vec::with_capacity(count + WARM);
        for _ in 0..WARM {
            sessions.push(session(stack, way)?);
        }
        let before = usage::memory(stack.envoy)?;
        for _ in 0..count {
            sessions.push(session(stack, way)?);
        }
        let after = usage::memory(stack.envoy)?;
        let each = after.saturating_sub(before) / u64::try_from(count)?;
        text.push_str(&format!("{:<14} {each:>26}\n", way.name()));
    }
    Ok(text)
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A session that is ready for a query.
fn session(stack: &Stack, way: Way) -> Result<Box<dyn Stream>> {
    let mut socket = TcpStream::connect(stack.at(way))?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut stream: Box<dyn Stream> = if way.is_tls() {
        socket.write_all(&[0, 0, 0, 8, 4, 210, 22, 47])?;
        let mut answer = [0];
        socket.read_exact(&mut answer)?;
        ensure!(answer == *b"S", "TLS is not on offer");
        let name = ServerName::from(stack.at(way).ip());
        let connection = ClientConnection::new(client()?, name)?;
        Box::new(StreamOwned::new(connection, socket))
    } else {
        Box::new(socket)
    };
    stream.write_all(b"\0\0\0\x26\0\x03\0\0user\0postgres\0database\0bench\0\0")?;
    stream.flush()?;
    loop {
        let mut head = [0; 5];
        stream
            .read_exact(&mut head)
            .context("the session does not begin")?;
        let [kind, length @ ..] = head;
        let length = u32::from_be_bytes(length).saturating_sub(4);
        let mut body = vec![0; usize::try_from(length)?];
        stream.read_exact(&mut body)?;
        ensure!(kind != b'E', "{}", String::from_utf8_lossy(&body));
        if kind == b'Z' {
            return Ok(stream);
        }
    }
}

fn client() -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Takes every certificate: the server is our own, on a loopback address.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _stapled: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
