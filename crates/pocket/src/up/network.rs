//! The loopback block of a pocket, and who is in its way.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;

use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use super::Error;
use super::folder::Folder;

const FIRST: u8 = 64;
const LAST: u8 = 250;

/// One block `127.X.0.0/16`: all addresses of one pocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block(u8);

impl Block {
    pub(super) fn address(self, third: u8, fourth: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.0, third, fourth)
    }

    /// Where the API server listens; the node has the same address.
    pub(super) fn api(self) -> Ipv4Addr {
        self.address(0, 1)
    }

    /// The Service `kubernetes`.
    pub(super) fn kubernetes_service(self) -> Ipv4Addr {
        self.address(128, 1)
    }

    /// First and last address of Pods.
    pub(super) fn pods(self) -> (Ipv4Addr, Ipv4Addr) {
        (self.address(1, 1), self.address(127, 254))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split(['.', '/']);
        let loopback = parts.next()? == "127";
        let second = parts.next()?.parse().ok()?;
        (loopback && (FIRST..=LAST).contains(&second)).then_some(Self(second))
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "127.{}.0.0/16", self.0)
    }
}

/// Takes the folder's block, choosing one the first time, and listens on its API address.
pub(super) async fn claim(folder: &Folder, port: u16) -> Result<(Block, TcpListener), Error> {
    let path = folder.path("network");
    let known = std::fs::read_to_string(&path)
        .ok()
        .and_then(|text| Block::parse(&text));
    if let Some(block) = known {
        return match bind(block, port).await {
            Ok(listener) => Ok((block, listener)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(Error::Occupied {
                address: block.api(),
                port,
                holder: holder(block.api(), port),
            }),
            Err(source) => Err(Error::Listen { block, source }),
        };
    }
    for block in candidates(folder.root().as_str()) {
        if let Ok(listener) = bind(block, port).await {
            let write = std::fs::write(&path, format!("{block}\n"));
            write.map_err(|source| Error::Folder { path, source })?;
            return Ok((block, listener));
        }
    }
    Err(Error::NoBlock { port })
}

async fn bind(block: Block, port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((block.api(), port)).await
}

/// Every block, starting at one that depends on the folder.
fn candidates(folder: &str) -> impl Iterator<Item = Block> {
    let count = u16::from(LAST - FIRST) + 1;
    let digest = Sha256::digest(folder);
    let start = u16::from_le_bytes([digest[0], digest[1]]) % count;
    (0..count).filter_map(move |step| {
        let offset = u8::try_from((start + step) % count).ok()?;
        Some(Block(FIRST + offset))
    })
}

/// The program that listens on an address, if this user may see it.
fn holder(address: Ipv4Addr, port: u16) -> Option<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    // The kernel prints addresses as native integers; 0A is the state of a listener.
    let number = |ip: Ipv4Addr| format!("{:08X}:{port:04X}", u32::from_ne_bytes(ip.octets()));
    let wanted = [number(address), number(Ipv4Addr::UNSPECIFIED)];
    let inode = table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let here = fields
            .get(1)
            .is_some_and(|at| wanted.iter().any(|one| one == at));
        (here && fields.get(3) == Some(&"0A"))
            .then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    })?;
    let link = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    for process in processes.filter(|one| one.file_name().as_encoded_bytes()[0].is_ascii_digit()) {
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let holds = |file: &std::fs::DirEntry| {
            std::fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == link.as_str())
        };
        if files.flatten().any(|file| holds(&file)) {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            let pid = process.file_name();
            return Some(format!(
                "{} (process {})",
                name.trim(),
                pid.to_string_lossy()
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_is_tried_once_and_folders_start_apart() {
        let a: Vec<Block> = candidates("/a").collect();
        assert_eq!(a.len(), 187);
        assert!(a.iter().all(|block| (FIRST..=LAST).contains(&block.0)));
        assert_ne!(a.first(), candidates("/b").collect::<Vec<_>>().first());
        assert_eq!(Block::parse(&a[0].to_string()), Some(a[0]));
        assert_eq!(Block::parse("127.9.0.0/16"), None);
    }

    #[test]
    fn the_holder_of_a_port_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = holder(Ipv4Addr::LOCALHOST, port).unwrap();
        assert!(
            found.contains(&format!("(process {})", std::process::id())),
            "{found}"
        );
    }
}
