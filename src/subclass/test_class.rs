//! A class that implements the interfaces through their macros, for the tests of this folder.

use std::{
    collections::VecDeque,
    ffi::{CStr, CString},
    sync::{Mutex, OnceLock},
    thread,
    time::Duration,
};

use gio::prelude::*;
use glib::{ParamSpec, ParamSpecOverride, Value, subclass::prelude::*};

use super::{
    datagram_based::{DatagramBasedImpl, InputMessages, OutputMessages},
    dtls_connection::{Completion, DtlsConnectionImpl},
    source::{Causes, Running, SourceImpl, datagram_source},
};

glib::wrapper! {
    /// Gives back what was sent through it; a handshake ends as its [`Behaviour`] says.
    pub struct TestBase(ObjectSubclass<imp::TestBase>)
        @implements gio::DatagramBased, gio::DtlsConnection, gio::DtlsClientConnection,
            gio::DtlsServerConnection;
}

impl TestBase {
    pub fn new() -> Self {
        glib::Object::new()
    }

    pub fn behave(&self, behaviour: Behaviour) {
        *self.imp().behaviour.lock().unwrap() = behaviour;
    }

    pub fn advertised(&self) -> Option<Vec<CString>> {
        self.imp().advertised.lock().unwrap().clone()
    }
}

/// What the next call does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    #[default]
    Succeed,
    SucceedInThread,
    Forget,
    Panic,
    ClaimTooMuch,
}

/// Ready whenever asked.
struct Always;

impl SourceImpl for Always {
    fn dispatch(
        &mut self,
        source: &Running<'_>,
        callback: &mut dyn FnMut(glib::IOCondition) -> glib::ControlFlow,
    ) -> glib::ControlFlow {
        source.again();
        callback(glib::IOCondition::OUT)
    }
}

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct TestBase {
        pub(super) behaviour: Mutex<Behaviour>,
        pub(super) advertised: Mutex<Option<Vec<CString>>>,
        queue: Mutex<VecDeque<Vec<u8>>>,
    }

    impl TestBase {
        fn behaviour(&self) -> Behaviour {
            let behaviour = *self.behaviour.lock().unwrap();
            assert_ne!(behaviour, Behaviour::Panic, "deliberate");
            behaviour
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for TestBase {
        const NAME: &'static str = "GioOsslTestBase";
        type Type = super::TestBase;
        type Interfaces = (
            gio::DatagramBased,
            gio::DtlsConnection,
            gio::DtlsClientConnection,
            gio::DtlsServerConnection,
        );
    }

    impl ObjectImpl for TestBase {
        fn properties() -> &'static [ParamSpec] {
            static PROPERTIES: OnceLock<Vec<ParamSpec>> = OnceLock::new();
            PROPERTIES.get_or_init(|| {
                let common = [
                    "base-socket",
                    "require-close-notify",
                    "rehandshake-mode",
                    "certificate",
                    "database",
                    "interaction",
                    "peer-certificate",
                    "peer-certificate-errors",
                    "advertised-protocols",
                    "negotiated-protocol",
                    "protocol-version",
                    "ciphersuite-name",
                ];
                let client = ["validation-flags", "server-identity", "accepted-cas"];
                let common = common.map(ParamSpecOverride::for_interface::<gio::DtlsConnection>);
                let client =
                    client.map(ParamSpecOverride::for_interface::<gio::DtlsClientConnection>);
                let server = ["authentication-mode"]
                    .map(ParamSpecOverride::for_interface::<gio::DtlsServerConnection>);
                common.into_iter().chain(client).chain(server).collect()
            })
        }

        fn set_property(&self, _id: usize, _value: &Value, _property: &ParamSpec) {}

        fn property(&self, _id: usize, property: &ParamSpec) -> Value {
            property.default_value().clone()
        }
    }

    impl DatagramBasedImpl for TestBase {
        fn receive_messages(
            &self,
            messages: &mut InputMessages<'_>,
            _flags: i32,
            _timeout: Option<Duration>,
            _cancellable: Option<&gio::Cancellable>,
        ) -> Result<usize, glib::Error> {
            if self.behaviour() == Behaviour::ClaimTooMuch {
                return Ok(messages.len() + 1);
            }
            let mut queue = self.queue.lock().unwrap();
            if queue.is_empty() {
                return Err(glib::Error::new(gio::IOErrorEnum::WouldBlock, "empty"));
            }
            let count = messages.len().min(queue.len());
            for (index, datagram) in queue.drain(..count).enumerate() {
                messages.scatter(index, &datagram);
            }
            Ok(count)
        }

        fn send_messages(
            &self,
            messages: &mut OutputMessages<'_>,
            _flags: i32,
            _timeout: Option<Duration>,
            _cancellable: Option<&gio::Cancellable>,
        ) -> Result<usize, glib::Error> {
            if self.behaviour() == Behaviour::Forget {
                return Ok(0);
            }
            for index in 0..messages.len() {
                let mut datagram = Vec::new();
                messages.gather(index, &mut datagram);
                messages.set_sent(index, datagram.len());
                self.queue.lock().unwrap().push_back(datagram);
            }
            Ok(messages.len())
        }

        fn create_source(
            &self,
            _condition: glib::IOCondition,
            _cancellable: Option<&gio::Cancellable>,
        ) -> glib::Source {
            self.behaviour();
            datagram_source(self.obj().upcast_ref(), "test", Always, Causes::default())
        }

        fn condition_check(&self, condition: glib::IOCondition) -> glib::IOCondition {
            self.behaviour();
            condition
        }

        fn condition_wait(
            &self,
            _condition: glib::IOCondition,
            _timeout: Option<Duration>,
            _cancellable: Option<&gio::Cancellable>,
        ) -> Result<(), glib::Error> {
            self.behaviour();
            Ok(())
        }
    }

    impl DtlsConnectionImpl for TestBase {
        fn handshake(&self, _cancellable: Option<&gio::Cancellable>) -> Result<(), glib::Error> {
            self.behaviour();
            Ok(())
        }

        fn handshake_async(
            &self,
            _priority: glib::Priority,
            _cancellable: Option<&gio::Cancellable>,
            completion: Completion,
        ) {
            match self.behaviour() {
                Behaviour::Forget => drop(completion),
                Behaviour::SucceedInThread => {
                    thread::spawn(move || completion.complete(Ok(())));
                }
                _ => completion.complete(Ok(())),
            }
        }

        fn shutdown(
            &self,
            read: bool,
            write: bool,
            _cancellable: Option<&gio::Cancellable>,
        ) -> Result<(), glib::Error> {
            assert!(read && write);
            Ok(())
        }

        fn shutdown_async(
            &self,
            read: bool,
            write: bool,
            _priority: glib::Priority,
            _cancellable: Option<&gio::Cancellable>,
            completion: Completion,
        ) {
            assert!(read && write);
            completion.complete(Ok(()));
        }

        fn set_advertised_protocols(&self, protocols: Option<&[&CStr]>) {
            let protocols = protocols.map(|names| names.iter().map(|&name| name.into()).collect());
            *self.advertised.lock().unwrap() = protocols;
        }

        fn negotiated_protocol(&self) -> Option<&std::ffi::CStr> {
            Some(c"test/1")
        }

        fn channel_binding(
            &self,
            kind: gio::TlsChannelBindingType,
        ) -> Result<Vec<u8>, glib::Error> {
            match kind {
                gio::TlsChannelBindingType::Unique => Ok(vec![1, 2, 3]),
                _ => Err(glib::Error::new(
                    gio::TlsChannelBindingError::NotImplemented,
                    "unknown",
                )),
            }
        }
    }
}

crate::impl_datagram_based!(imp::TestBase);
crate::impl_dtls_connection!(imp::TestBase);
crate::impl_dtls_client_connection!(imp::TestBase);
crate::impl_dtls_server_connection!(imp::TestBase);
