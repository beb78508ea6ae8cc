//! Cuts between Pods that share one machine's loopback interface, with nftables.
//!
//! Servers listen on their Pod's address, so what they send and get is known by it. Clients have the machine's own
//! loopback address, whichever Pod they are in: the connections that stand are found by their ports, and later ones
//! by a control group that the Pod's processes are moved to.

mod groups;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};

use self::groups::Group;
use super::pod::{Connection, Pod};
use super::undo::Undo;

/// The ports of an instance that somebody outside its Pod talks to; probes of the node are on others.
const PORTS: &str = "{ 5432, 6432, 7432, 7433, 8009 }";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// One end of what is cut.
#[derive(Debug)]
pub(super) struct End {
    ip: Ipv4Addr,
    connections: Vec<Connection>,
    group: Option<Group>,
}

impl End {
    /// A Pod; its processes can be told apart from now on.
    pub(super) fn pod(pod: &Pod) -> Result<Self> {
        let group = Group::of(&pod.processes()?)?;
        Ok(Self {
            ip: pod.ip,
            // After the move: connections made before it are listed, and later ones belong to the group.
            connections: pod.connections()?,
            group: Some(group),
        })
    }

    /// A server that nobody but Pods talks to, such as the API.
    pub(super) const fn server(address: SocketAddrV4) -> Self {
        Self {
            ip: *address.ip(),
            connections: Vec::new(),
            group: None,
        }
    }
}

/// Rules in the making.
#[derive(Debug, Default)]
pub(super) struct Cut {
    /// For packets that leave a process.
    output: String,
    /// For packets that arrive at one.
    input: String,
}

impl Cut {
    /// Nothing that one sends arrives at the other.
    pub(super) fn one_way(mut self, from: &End, to: &End) -> Self {
        let rule = format!("ip saddr {} ip daddr {} drop\n", from.ip, to.ip);
        self.output.push_str(&rule);
        if let Some(group) = &from.group {
            let rule = format!("{} ip daddr {} drop\n", group.expression(), to.ip);
            self.output.push_str(&rule);
        }
        if let Some(group) = &to.group {
            let rule = format!("ip saddr {} {} drop\n", from.ip, group.expression());
            self.input.push_str(&rule);
        }
        for (source, target) in sent(from, to) {
            let rule = format!(
                "ip saddr {} tcp sport {} ip daddr {} tcp dport {} drop\n",
                source.ip(),
                source.port(),
                target.ip(),
                target.port()
            );
            self.output.push_str(&rule);
        }
        self
    }

    /// Neither reaches the other.
    pub(super) fn between(self, one: &End, other: &End) -> Self {
        self.one_way(one, other).one_way(other, one)
    }

    /// Nobody reaches what this Pod serves.
    pub(super) fn clients(mut self, pod: &End) -> Self {
        let ip = pod.ip;
        let rules =
            format!("ip daddr {ip} tcp dport {PORTS} drop\nip saddr {ip} tcp sport {PORTS} drop\n");
        self.output.push_str(&rules);
        self
    }

    /// So many of a hundred packets to and from a server are lost.
    pub(super) fn lossy(mut self, server: SocketAddrV4, percent: u8) -> Self {
        let (ip, port) = (server.ip(), server.port());
        for direction in [
            format!("ip daddr {ip} tcp dport {port}"),
            format!("ip saddr {ip} tcp sport {port}"),
        ] {
            let rule = format!("{direction} numgen random mod 100 < {percent} drop\n");
            self.output.push_str(&rule);
        }
        self
    }

    /// Makes it so. The ends are kept until it is taken back.
    pub(super) fn make(&self, ends: Vec<End>) -> Result<Undo> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let table = format!("inet howdah_faults_{}_{number}", std::process::id());
        let mut text = String::new();
        writeln!(text, "table {table} {{")?;
        for (hook, rules) in [("output", &self.output), ("input", &self.input)] {
            writeln!(
                text,
                "chain {hook} {{\ntype filter hook {hook} priority 0;\n{rules}}}"
            )?;
        }
        text.push_str("}\n");
        nft(&text)?;
        Ok(Undo::nothing().and(move || {
            if let Err(error) = nft(&format!("delete table {table}\n")) {
                eprintln!("the rules of {table} stay: {error:#}");
            }
            drop(ends);
        }))
    }
}

/// The source and target of what one end sends to the other over connections that stand.
///
/// Both addresses and both ports: a server's port alone is that of every member, and clients may have its address.
fn sent(from: &End, to: &End) -> Vec<(SocketAddrV4, SocketAddrV4)> {
    let by_sender = from.connections.iter().map(|it| (it.local, it.remote));
    let by_receiver = to.connections.iter().map(|it| (it.remote, it.local));
    let mut found: Vec<_> = by_sender
        .filter(|(_, target)| *target.ip() == to.ip)
        .chain(by_receiver.filter(|(source, _)| *source.ip() == from.ip))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn nft(text: &str) -> Result<()> {
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cutting connections needs root and the Debian package nftables: run nft")?;
    let mut stdin = child.stdin.take().context("nft has an input")?;
    stdin.write_all(text.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "nft refused:\n{text}{said}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(ip: &str, connections: &[(&str, &str)]) -> End {
        let address = |text: &str| text.parse().unwrap();
        let connection = |(local, remote): &(&str, &str)| Connection {
            local: address(local),
            remote: address(remote),
        };
        End {
            ip: ip.parse().unwrap(),
            connections: connections.iter().map(connection).collect(),
            group: None,
        }
    }

    #[test]
    fn a_cut_between_two_members_leaves_their_connections_with_a_third() {
        // One serves the other, whose clients have its own address or the machine's; the third is served by both.
        let one = end(
            "127.1.0.1",
            &[
                ("127.1.0.1:8009", "127.1.0.2:4001"),
                ("127.1.0.1:8009", "127.1.0.3:4001"),
            ],
        );
        let other = end(
            "127.1.0.2",
            &[
                ("127.1.0.2:4001", "127.1.0.1:8009"),
                ("127.0.0.1:4002", "127.1.0.1:5432"),
                ("127.1.0.2:8009", "127.1.0.3:4001"),
            ],
        );
        let cut = Cut::default().one_way(&one, &other);
        let expected = "ip saddr 127.1.0.1 ip daddr 127.1.0.2 drop\n\
                        ip saddr 127.1.0.1 tcp sport 5432 ip daddr 127.0.0.1 tcp dport 4002 drop\n\
                        ip saddr 127.1.0.1 tcp sport 8009 ip daddr 127.1.0.2 tcp dport 4001 drop\n";
        assert_eq!(cut.output, expected);
        assert_eq!(cut.input, "");
    }
}
