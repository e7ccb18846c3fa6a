//! The `GDatagramBased` at each end of a `SimNet`.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use gio::{prelude::*, subclass::prelude::*};
use gio_ossl::subclass::{
    datagram_based::{DatagramBasedImpl, InputMessages, OutputMessages},
    impl_datagram_based,
    source::{Causes, Running, SourceImpl, datagram_source},
};
use glib::{ControlFlow, IOCondition};

use super::{CancelAlert, Direction, Sent, Shared, State};

glib::wrapper! {
    /// One end of a [`SimNet`].
    pub struct Endpoint(ObjectSubclass<imp::Endpoint>)
        @implements gio::DatagramBased;
}

/// The readiness of one endpoint.
struct Watch {
    shared: Arc<Shared>,
    sends: Direction,
    condition: IOCondition,
    cancellable: Option<gio::Cancellable>,
    _alert: CancelAlert,
}

impl Watch {
    fn seen(&self) -> IOCondition {
        self.shared.condition(self.sends) & self.condition
    }

    fn is_cancelled(&self) -> bool {
        self.cancellable
            .as_ref()
            .is_some_and(|it| it.is_cancelled())
    }
}

impl SourceImpl for Watch {
    fn dispatch(
        &mut self,
        source: &Running<'_>,
        callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        let seen = self.seen();
        if seen.is_empty() && !self.is_cancelled() {
            return ControlFlow::Continue;
        }
        source.again();
        callback(seen)
    }
}

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct Endpoint {
        wire: OnceLock<(Arc<Shared>, Direction)>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Endpoint {
        const NAME: &'static str = "SimNetEndpoint";
        type Type = super::Endpoint;
        type Interfaces = (gio::DatagramBased,);
    }

    impl ObjectImpl for Endpoint {}

    impl Endpoint {
        pub(in super::super) fn join(&self, shared: Arc<Shared>, sends: Direction) {
            assert!(self.wire.set((shared, sends)).is_ok(), "joined twice");
        }

        fn wire(&self) -> &(Arc<Shared>, Direction) {
            self.wire.get().expect("an endpoint belongs to a network")
        }
    }

    impl DatagramBasedImpl for Endpoint {
        fn receive_messages(
            &self,
            messages: &mut InputMessages<'_>,
            _flags: i32,
            timeout: Option<Duration>,
            cancellable: Option<&gio::Cancellable>,
        ) -> Result<usize, glib::Error> {
            let (shared, sends) = self.wire();
            let mut count = 0;
            let blocking_for_all = timeout.is_none();
            let result = shared.wait(timeout, cancellable, |state| {
                let lane = &mut state.lanes[sends.reverse() as usize];
                while count < messages.len() {
                    let Some(datagram) = lane.arrived.pop_front() else {
                        break;
                    };
                    messages.scatter(count, &datagram);
                    count += 1;
                }
                let enough = if blocking_for_all { messages.len() } else { 1 };
                (count >= enough || lane.ended).then_some(())
            });
            result.or_else(|error| if count > 0 { Ok(()) } else { Err(error) })?;
            Ok(count)
        }

        fn send_messages(
            &self,
            messages: &mut OutputMessages<'_>,
            _flags: i32,
            timeout: Option<Duration>,
            cancellable: Option<&gio::Cancellable>,
        ) -> Result<usize, glib::Error> {
            let (shared, sends) = self.wire();
            let direction = *sends;
            shared.wait(timeout, cancellable, |state| {
                let State { script, lanes, tap } = &mut *state;
                let lane = &mut lanes[direction as usize];
                if lane.blocked {
                    return None;
                }
                for index in 0..messages.len() {
                    let mut bytes = Vec::new();
                    messages.gather(index, &mut bytes);
                    messages.set_sent(index, bytes.len());
                    tap.push(Sent {
                        direction,
                        bytes: bytes.clone(),
                    });
                    let fate = script(direction, lane.count, &bytes);
                    lane.count += 1;
                    lane.pass(fate, bytes);
                }
                Some(())
            })?;
            shared.wake();
            Ok(messages.len())
        }

        fn create_source(
            &self,
            condition: IOCondition,
            cancellable: Option<&gio::Cancellable>,
        ) -> glib::Source {
            let (shared, sends) = self.wire();
            let alarm = shared.alarms[sends.reverse() as usize].clone();
            let watch = Watch {
                shared: shared.clone(),
                sends: *sends,
                condition,
                cancellable: cancellable.cloned(),
                _alert: CancelAlert::new(shared, cancellable),
            };
            let object = self.obj();
            let causes = Causes {
                alarms: &[alarm],
                base: None,
            };
            datagram_source(object.upcast_ref(), "SimNet", watch, causes)
        }

        fn condition_check(&self, condition: IOCondition) -> IOCondition {
            let (shared, sends) = self.wire();
            shared.condition(*sends) & condition
        }

        fn condition_wait(
            &self,
            condition: IOCondition,
            timeout: Option<Duration>,
            cancellable: Option<&gio::Cancellable>,
        ) -> Result<(), glib::Error> {
            let (shared, sends) = self.wire();
            let timeout = match timeout {
                // GSocket fails with TIMED_OUT here, never with WOULD_BLOCK.
                Some(Duration::ZERO) => Some(Duration::from_nanos(1)),
                other => other,
            };
            let (sends, wanted) = (*sends, condition);
            shared.wait(timeout, cancellable, move |state| {
                let receiving = &state.lanes[sends.reverse() as usize];
                let readable = !receiving.arrived.is_empty() || receiving.ended;
                let writable = !state.lanes[sends as usize].blocked;
                let met = (readable && wanted.contains(IOCondition::IN))
                    || (writable && wanted.contains(IOCondition::OUT));
                met.then_some(())
            })
        }
    }

    impl_datagram_based!(Endpoint);
}
