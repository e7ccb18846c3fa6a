//! The `GDatagramBased` of one client.

use std::time::Instant;

use gio_ossl::subclass::{
    cancel::OnCancel,
    datagram_based::{DatagramBasedImpl, InputMessages, OutputMessages},
    impl_datagram_based,
    source::{Causes, Running, SourceImpl, datagram_source},
};
use glib::ControlFlow;

use super::*;

glib::wrapper! {
    /// One client of a [`Demultiplexer`].
    pub struct Peer(ObjectSubclass<imp::Peer>)
        @implements gio::DatagramBased;
}

impl Peer {
    pub(super) fn new(port: Arc<Port>, link: Arc<Link>) -> Self {
        let peer: Self = glib::Object::new();
        // Nobody else has the new object.
        let _ = peer.imp().end.set((port, link));
        peer
    }

    /// The client's address.
    pub fn address(&self) -> SocketAddr {
        let end = self.imp().end.get();
        end.map_or(NOWHERE, |(_, link)| link.address)
    }
}

/// The readiness of a client.
struct Watch {
    link: Arc<Link>,
    condition: IOCondition,
    cancellable: Option<gio::Cancellable>,
    _ringer: Option<OnCancel>,
}

impl Watch {
    fn is_cancelled(&self) -> bool {
        let cancellable = self.cancellable.as_ref();
        cancellable.is_some_and(|it| it.is_cancelled())
    }
}

/// Sending is always possible: see [`Peer`]'s `send_messages`.
fn readiness(link: &Link) -> IOCondition {
    if link.waiting().is_empty() {
        IOCondition::OUT
    } else {
        IOCondition::OUT | IOCondition::IN
    }
}

impl SourceImpl for Watch {
    fn dispatch(
        &mut self,
        source: &Running<'_>,
        callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        let ready = readiness(&self.link) & self.condition;
        if ready.is_empty() && !self.is_cancelled() {
            return ControlFlow::Continue;
        }
        source.again();
        callback(ready)
    }
}

mod imp {
    use std::sync::OnceLock;

    use super::*;

    #[derive(Default)]
    pub struct Peer {
        pub(in super::super) end: OnceLock<(Arc<Port>, Arc<Link>)>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Peer {
        const NAME: &'static str = "GioOsslToolPeer";
        type Type = super::Peer;
        type Interfaces = (gio::DatagramBased,);
    }

    impl ObjectImpl for Peer {}

    impl Peer {
        fn end(&self) -> Result<&(Arc<Port>, Arc<Link>), glib::Error> {
            self.end
                .get()
                .ok_or_else(|| failure(gio::IOErrorEnum::NotConnected))
        }
    }

    impl DatagramBasedImpl for Peer {
        fn receive_messages(
            &self,
            messages: &mut InputMessages<'_>,
            _flags: i32,
            timeout: Option<Duration>,
            cancellable: Option<&gio::Cancellable>,
        ) -> Result<usize, glib::Error> {
            let (port, link) = self.end()?;
            let enough = match timeout {
                None => messages.len(),
                Some(_) => messages.len().min(1),
            };
            let mut count = 0;
            let result = wait_until(port, timeout, cancellable, || {
                while count < messages.len() {
                    let Some(datagram) = link.waiting().pop_front() else {
                        break;
                    };
                    messages.scatter(count, &datagram);
                    count += 1;
                }
                count >= enough
            });
            if count > 0 {
                Ok(count)
            } else {
                result.map(|()| 0)
            }
        }

        /// A full buffer empties itself at the speed of the network. If it does not within moments, the
        /// datagram is lost, as it may be anywhere on its way.
        fn send_messages(
            &self,
            messages: &mut OutputMessages<'_>,
            _flags: i32,
            _timeout: Option<Duration>,
            cancellable: Option<&gio::Cancellable>,
        ) -> Result<usize, glib::Error> {
            const MOMENTS: Duration = Duration::from_millis(50);
            let (port, link) = self.end()?;
            let mut datagram = Vec::new();
            for index in 0..messages.len() {
                datagram.clear();
                messages.gather(index, &mut datagram);
                let mut sent = port.udp.send_to(&datagram, link.address);
                if is_blocked(&sent) {
                    let _ = port.wait(IOCondition::OUT, Some(MOMENTS), cancellable);
                    sent = port.udp.send_to(&datagram, link.address);
                }
                match sent {
                    Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                        if index == 0 {
                            return Err(failure(gio::IOErrorEnum::MessageTooLarge));
                        }
                        return Ok(index);
                    }
                    _ => messages.set_sent(index, datagram.len()),
                }
            }
            Ok(messages.len())
        }

        fn create_source(
            &self,
            condition: IOCondition,
            cancellable: Option<&gio::Cancellable>,
        ) -> glib::Source {
            let object = self.obj();
            let link = self.end.get().map(|(_, link)| link.clone());
            let link = link.unwrap_or_else(|| Arc::new(Link::to(NOWHERE)));
            let alarm = link.alarm.clone();
            let ring = |cancellable| {
                let alarm = alarm.clone();
                OnCancel::new(cancellable, move || alarm.ring())
            };
            let watch = Watch {
                link,
                condition,
                cancellable: cancellable.cloned(),
                _ringer: cancellable.map(ring),
            };
            let causes = Causes {
                alarms: &[alarm],
                base: None,
            };
            datagram_source(object.upcast_ref(), "peer", watch, causes)
        }

        fn condition_check(&self, condition: IOCondition) -> IOCondition {
            let link = self.end.get().map(|(_, link)| link);
            link.map_or(IOCondition::ERR, |link| readiness(link) & condition)
        }

        fn condition_wait(
            &self,
            condition: IOCondition,
            timeout: Option<Duration>,
            cancellable: Option<&gio::Cancellable>,
        ) -> Result<(), glib::Error> {
            let (port, link) = self.end()?;
            wait_until(port, timeout, cancellable, || {
                readiness(link).intersects(condition)
            })
        }
    }

    impl_datagram_based!(Peer);
}

/// Reads the port until `met` says that it is enough.
fn wait_until(
    port: &Port,
    timeout: Option<Duration>,
    cancellable: Option<&gio::Cancellable>,
    mut met: impl FnMut() -> bool,
) -> Result<(), glib::Error> {
    let deadline = timeout.and_then(|limit| Instant::now().checked_add(limit));
    loop {
        if met() {
            return Ok(());
        }
        port.pump();
        if met() {
            return Ok(());
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if timeout == Some(Duration::ZERO) {
            return Err(failure(gio::IOErrorEnum::WouldBlock));
        }
        port.wait(IOCondition::IN, left, cancellable)?;
    }
}

fn is_blocked(result: &io::Result<usize>) -> bool {
    let error = result.as_ref().err();
    error.is_some_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn failure(code: gio::IOErrorEnum) -> glib::Error {
    glib::Error::new(code, &format!("the port of the clients: {code:?}"))
}
