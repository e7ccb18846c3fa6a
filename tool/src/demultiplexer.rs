//! Many clients at one UDP port: a [`Peer`] is what the port is to one of them.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gio::prelude::*;
use gio_ossl::subclass::source::Alarm;
use glib::{IOCondition, subclass::prelude::*};

pub use peer::Peer;

mod peer;

/// More clients at a time are turned away.
const MOST_PEERS: usize = 1024;
/// As many datagrams wait for one client's session; what comes beyond that is lost, as it may be.
const MOST_WAITING: usize = 256;
/// How many datagrams are read before the main loop has its turn again.
const MOST_AT_ONCE: usize = 256;
/// The address of nobody.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
/// No datagram is larger.
const LARGEST_DATAGRAM: usize = 65535;

/// A UDP port and the clients that have been heard there.
#[derive(Clone)]
pub struct Demultiplexer(Arc<Port>);

struct Port {
    udp: UdpSocket,
    /// For waiting, by a descriptor of its own.
    waiter: OwnedFd,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    links: HashMap<SocketAddr, Arc<Link>>,
    fresh: Vec<Arc<Link>>,
}

/// What has arrived from one client.
struct Link {
    address: SocketAddr,
    waiting: Mutex<VecDeque<Vec<u8>>>,
    alarm: Arc<Alarm>,
}

impl Link {
    fn to(address: SocketAddr) -> Self {
        Self {
            address,
            waiting: Mutex::default(),
            alarm: Arc::default(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Vec<u8>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Demultiplexer {
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let udp = UdpSocket::bind(address)?;
        udp.set_nonblocking(true)?;
        let waiter = udp.as_fd().try_clone_to_owned()?;
        let state = Mutex::default();
        Ok(Self(Arc::new(Port { udp, waiter, state })))
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.udp.local_addr()
    }

    /// Waits for datagrams, hands them on, and returns the clients that are new.
    pub async fn next(&self) -> Result<Vec<Peer>, glib::Error> {
        let socket = self.0.socket()?;
        loop {
            self.0.pump();
            let fresh = std::mem::take(&mut self.0.state().fresh);
            if !fresh.is_empty() {
                let peer = |link| Peer::new(self.0.clone(), link);
                return Ok(fresh.into_iter().map(peer).collect());
            }
            let priority = glib::Priority::DEFAULT;
            SocketExtManual::create_source_future(
                &socket,
                IOCondition::IN,
                gio::Cancellable::NONE,
                priority,
            )
            .await;
        }
    }

    /// What comes from this client from now on may be a new session.
    pub fn forget(&self, peer: &Peer) {
        self.0.state().links.remove(&peer.address());
    }
}

impl Port {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The port as GIO's waiting wants it.
    fn socket(&self) -> Result<gio::Socket, glib::Error> {
        let descriptor = self.waiter.try_clone();
        let descriptor = descriptor
            .map_err(|error| glib::Error::new(gio::IOErrorEnum::Failed, &error.to_string()))?;
        gio::Socket::from_fd(descriptor)
    }

    /// Waits until datagrams may be read, or sent.
    fn wait(
        &self,
        condition: IOCondition,
        limit: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
    ) -> Result<(), glib::Error> {
        let micros = limit.map_or(-1, |it| i64::try_from(it.as_micros()).unwrap_or(i64::MAX));
        let socket = self.socket()?;
        SocketExt::condition_timed_wait(&socket, condition, micros, cancellable)
    }

    /// Hands on what has arrived.
    fn pump(&self) {
        let mut buffer = vec![0; LARGEST_DATAGRAM];
        for _ in 0..MOST_AT_ONCE {
            match self.udp.recv_from(&mut buffer) {
                Ok((length, address)) => {
                    self.hand_on(buffer.get(..length).unwrap_or_default(), address);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // That a client's port is closed: which one, is not said.
                Err(_) => {}
            }
        }
    }

    fn hand_on(&self, datagram: &[u8], address: SocketAddr) {
        let Some(link) = self.link(datagram, address) else {
            return;
        };
        let mut waiting = link.waiting();
        if waiting.len() < MOST_WAITING {
            waiting.push_back(datagram.to_vec());
        }
        drop(waiting);
        link.alarm.ring();
    }

    /// The client at this address; a new one, if this may be its first datagram.
    fn link(&self, datagram: &[u8], address: SocketAddr) -> Option<Arc<Link>> {
        let mut state = self.state();
        if let Some(link) = state.links.get(&address) {
            return Some(link.clone());
        }
        if state.links.len() >= MOST_PEERS || !is_client_hello(datagram) {
            return None;
        }
        let link = Arc::new(Link::to(address));
        state.links.insert(address, link.clone());
        state.fresh.push(link.clone());
        Some(link)
    }
}

/// Whether a datagram begins with the record of a ClientHello in epoch 0 (RFC 6347, 4.1 and 4.3.2).
fn is_client_hello(datagram: &[u8]) -> bool {
    matches!(datagram, [22, 0xfe, _, 0, 0, _, _, _, _, _, _, _, _, 1, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_client_hello_makes_a_client() {
        let mut datagram = [0; 64];
        datagram[..2].copy_from_slice(&[22, 0xfe]);
        datagram[13] = 1;
        assert!(is_client_hello(&datagram));
        assert!(!is_client_hello(&datagram[..13]));
        for (at, value) in [(0, 23), (1, 3), (4, 1), (13, 2)] {
            let mut other = datagram;
            other[at] = value;
            assert!(!is_client_hello(&other), "byte {at}");
        }
    }
}
