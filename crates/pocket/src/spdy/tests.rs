//! A connection with a client that a test plays frame by frame.

use std::time::Duration;

use bytes::Bytes;
use pretty_assertions::assert_eq;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::connection::{Connection, MOST_STREAMS};
use super::decode::Decoder;
use super::encode::Encoder;
use super::frame::{Frame, status};

const PATIENCE: Duration = Duration::from_secs(20);

struct Client {
    socket: DuplexStream,
    encoder: Encoder,
    decoder: Decoder,
}

fn connected() -> (Client, Connection) {
    let (near, far) = tokio::io::duplex(16 * 1024);
    let client = Client {
        socket: near,
        encoder: Encoder::default(),
        decoder: Decoder::new(),
    };
    (client, Connection::start(far))
}

impl Client {
    async fn say(&mut self, frame: Frame) {
        let bytes = self.encoder.encode(&frame);
        self.socket.write_all(&bytes).await.unwrap();
    }

    async fn begin(&mut self, id: u32) {
        let headers = vec![("streamtype".to_owned(), "data".to_owned())];
        let fin = false;
        self.say(Frame::SynStream { id, fin, headers }).await;
    }

    async fn send(&mut self, id: u32, fin: bool, data: &'static [u8]) {
        let data = Bytes::from_static(data);
        self.say(Frame::Data { id, fin, data }).await;
    }

    /// The next frame that is no room for more; `None` at the end.
    async fn hear(&mut self) -> Option<Frame> {
        loop {
            match self.decoder.next().unwrap() {
                Some(Frame::WindowUpdate { .. }) => {}
                Some(frame) => return Some(frame),
                None => {
                    let buffer = self.decoder.buffer();
                    let read = tokio::time::timeout(PATIENCE, self.socket.read_buf(buffer));
                    if read.await.unwrap().unwrap() == 0 {
                        return None;
                    }
                }
            }
        }
    }
}

fn reset(id: u32, status: u32) -> Option<Frame> {
    Some(Frame::Reset { id, status })
}

#[tokio::test]
async fn both_sides_speak_and_finish() {
    let (mut client, mut connection) = connected();
    client.begin(1).await;
    client.send(1, false, b"hello").await;
    client.send(1, true, b" there").await;
    let stream = connection.accept().await.unwrap();
    assert_eq!(stream.header("StreamType"), Some("data"));
    stream.reply().await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut said = Vec::new();
    while let Some(data) = reader.read().await {
        said.extend_from_slice(&data);
    }
    assert_eq!(said, b"hello there");
    writer.write(Bytes::from_static(b"hi")).await.unwrap();
    writer.finish().await;
    drop(reader);
    assert!(matches!(
        client.hear().await,
        Some(Frame::SynReply { id: 1, .. })
    ));
    for (fin, data) in [(false, "hi"), (true, "")] {
        let (id, data) = (1, Bytes::from_static(data.as_bytes()));
        assert_eq!(client.hear().await, Some(Frame::Data { id, fin, data }));
    }
    connection.close().await;
    assert_eq!(client.hear().await, None);
}

#[tokio::test]
async fn a_slow_reader_holds_the_client_up() {
    let (mut client, mut connection) = connected();
    client.begin(1).await;
    let stream = connection.accept().await.unwrap();
    let chunk: &[u8] = &[7; 16 * 1024];
    let mut sent = 0;
    let soon = Duration::from_millis(300);
    while tokio::time::timeout(soon, client.send(1, false, chunk))
        .await
        .is_ok()
    {
        sent += chunk.len();
        assert!(sent < 1 << 20, "more than a megabyte waits for a reader");
    }
    drop((stream, client));
    connection.close().await;
}

#[tokio::test]
async fn a_writer_waits_for_a_client_that_keeps_windows_and_for_no_other() {
    for keeps in [true, false] {
        let (mut client, mut connection) = connected();
        if keeps {
            let initial_window = Some(10);
            client.say(Frame::Settings { initial_window }).await;
        }
        client.begin(1).await;
        let (_reader, mut writer) = connection.accept().await.unwrap().split();
        let writing = tokio::spawn(async move {
            let data = Bytes::from_static(&[0; 100_000]);
            writer.write(data).await.map(|()| writer)
        });
        let mut heard = 0;
        while heard < if keeps { 10 } else { 100_000 } {
            let Some(Frame::Data { data, .. }) = client.hear().await else {
                panic!("no data");
            };
            heard += data.len();
        }
        if keeps {
            assert_eq!(heard, 10);
            client.say(Frame::WindowUpdate { id: 1, delta: 5 }).await;
            let Some(Frame::Data { data, .. }) = client.hear().await else {
                panic!("no data");
            };
            assert_eq!(data.len(), 5);
            assert!(!writing.is_finished());
            writing.abort();
        } else {
            writing.await.unwrap().unwrap().finish().await;
        }
        drop(connection);
    }
}

#[tokio::test]
async fn a_client_is_answered_its_pings_and_told_of_streams_that_do_not_exist() {
    let (mut client, connection) = connected();
    client.say(Frame::Ping(1)).await;
    assert_eq!(client.hear().await, Some(Frame::Ping(1)));
    client.send(9, false, b"x").await;
    assert_eq!(client.hear().await, reset(9, status::INVALID_STREAM));
    drop(connection);
}

#[tokio::test]
async fn no_more_streams_are_open_than_may_be() {
    let (mut client, mut connection) = connected();
    let mut streams = Vec::new();
    let most = u32::try_from(MOST_STREAMS).unwrap();
    for number in 0..most {
        client.begin(number * 2 + 1).await;
        streams.push(connection.accept().await.unwrap());
    }
    client.begin(most * 2 + 1).await;
    assert_eq!(
        client.hear().await,
        reset(most * 2 + 1, status::REFUSED_STREAM)
    );
    // One that is dropped makes room.
    drop(streams.pop());
    assert_eq!(client.hear().await, reset(most * 2 - 1, status::CANCEL));
    client.begin(most * 2 + 3).await;
    streams.push(connection.accept().await.unwrap());
}

#[tokio::test]
async fn stream_numbers_that_go_back_and_windows_without_end_are_refused() {
    for wrong in [
        Frame::SynStream {
            id: 1,
            fin: false,
            headers: Vec::new(),
        },
        Frame::SynStream {
            id: 4,
            fin: false,
            headers: Vec::new(),
        },
        Frame::WindowUpdate {
            id: 0,
            delta: 0x7fff_ffff,
        },
    ] {
        let (mut client, mut connection) = connected();
        client.begin(3).await;
        let stream = connection.accept().await.unwrap();
        client.say(wrong).await;
        let status = status::PROTOCOL_ERROR;
        assert_eq!(client.hear().await, Some(Frame::GoAway { last: 3, status }));
        let gone = connection.gone();
        tokio::time::timeout(PATIENCE, gone.cancelled())
            .await
            .unwrap();
        drop(stream);
        assert!(connection.accept().await.is_none());
    }
    let (mut client, mut connection) = connected();
    client.begin(1).await;
    let _stream = connection.accept().await.unwrap();
    let (id, delta) = (1, 0x7fff_ffff);
    client.say(Frame::WindowUpdate { id, delta }).await;
    assert_eq!(client.hear().await, reset(1, status::FLOW_CONTROL_ERROR));
}

#[tokio::test]
async fn the_end_of_the_client_ends_readers_and_writers() {
    let (mut client, mut connection) = connected();
    client.begin(1).await;
    let (mut reader, mut writer) = connection.accept().await.unwrap().split();
    drop(client);
    assert_eq!(reader.read().await, None);
    tokio::time::timeout(PATIENCE, connection.gone().cancelled())
        .await
        .unwrap();
    assert!(writer.write(Bytes::from_static(b"x")).await.is_err());
}
