//! One side: its engine, and what its application does and may expect.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use gio_ossl::{
    Error,
    engine::{
        Authentication, Config, Datagrams, Engine, KeyRequest, Opened, Refusal, Role, Step, Verdict,
    },
};

use crate::{
    ends::{self, KEY},
    engines::datagrams,
    script::Script,
};

/// Datagrams and bytes that one operation may bring forth: a flight, some of it twice.
const MOST_DATAGRAMS: usize = 200;
const MOST_BYTES: usize = 1 << 16;
const REFUSALS: [Refusal; 4] = [
    Refusal::BadCertificate,
    Refusal::Expired,
    Refusal::Revoked,
    Refusal::UnknownCa,
];

/// One side, and what its application did.
pub(super) struct End {
    pub(super) engine: Engine,
    pub(super) role: Role,
    pub(super) must_authenticate: bool,
    /// What the latest step waits for.
    pub(super) asked: Option<Step>,
    /// Whether a chain was ever to be judged, whether it was accepted, and which key was given.
    pub(super) was_asked_for_verdict: bool,
    pub(super) accepted: bool,
    pub(super) key: Option<Vec<u8>>,
    pub(super) established: bool,
    pub(super) failed: bool,
    pub(super) closed: bool,
    /// Messages that were sealed and not opened by the other side, by their number.
    pub(super) sealed: HashMap<u32, Vec<u8>>,
    /// Datagrams on their way to the other side, and all that ever were.
    pub(super) way: VecDeque<Vec<u8>>,
    pub(super) sent: Vec<Vec<u8>>,
}

impl End {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            engine: Engine::new(config).expect("an engine"),
            role: config.role,
            must_authenticate: config.authentication == Authentication::Required,
            asked: None,
            was_asked_for_verdict: false,
            accepted: false,
            key: None,
            established: false,
            failed: false,
            closed: false,
            sealed: HashMap::new(),
            way: VecDeque::new(),
            sent: Vec::new(),
        }
    }

    pub(super) fn step(&mut self) {
        let step = self.engine.handshake();
        self.asked = None;
        match step {
            Step::Established => {
                assert!(!self.failed, "the end is the end");
                self.established = true;
            }
            Step::Failed(_) => {
                assert!(
                    !self.established || self.failed,
                    "noise ends no association"
                );
                self.failed = true;
            }
            Step::NeedDatagram => assert!(!self.established),
            step => {
                assert!(!self.established && !self.failed);
                self.was_asked_for_verdict |= matches!(step, Step::NeedVerdict(_));
                self.asked = Some(step);
            }
        }
    }

    /// Answers, at most as often as something is asked in one handshake.
    fn agree(&mut self) {
        for _ in 0..8 {
            self.step();
            match &self.asked {
                None => return,
                Some(Step::NeedVerdict(_)) => self.accept(),
                Some(Step::NeedCertificate(_)) => ends::present(&mut self.engine),
                Some(Step::NeedKey(request)) => {
                    let request = request.clone();
                    self.give(&request, KEY);
                }
                Some(step) => panic!("{step:?} is no question"),
            }
        }
        panic!("there is no end of questions");
    }

    /// Has said all it can, and the other one has heard it.
    pub(super) fn carry(&mut self, to: &mut End) {
        self.agree();
        self.collect();
        self.way.drain(..).for_each(|it| to.engine.feed(&it));
        to.agree();
        to.collect();
    }

    fn accept(&mut self) {
        self.asked = None;
        self.accepted = true;
        self.engine.judge(Verdict::Accept);
    }

    /// Whether there is anything to judge or not.
    pub(super) fn judge(&mut self, accept: bool, script: &mut Script<'_>) {
        let is_asked = matches!(self.asked, Some(Step::NeedVerdict(_)));
        match accept {
            true if is_asked => self.accept(),
            true => self.engine.judge(Verdict::Accept),
            false => {
                self.asked = self.asked.take().filter(|_| !is_asked);
                let refusal = REFUSALS[script.below(REFUSALS.len())];
                let error = Error::BadCertificate("refused".into());
                self.engine.judge(Verdict::Refuse(refusal, error));
            }
        }
    }

    pub(super) fn present(&mut self, script: &mut Script<'_>) {
        match script.byte() % 4 {
            0 => self.engine.present(None),
            1 => {
                // A certificate that the key does not belong to.
                let both = ends::credentials();
                let chain = std::slice::from_ref(&both.server.certificate);
                self.engine.present(Some((chain, &both.client.key)));
            }
            _ => ends::present(&mut self.engine),
        }
    }

    fn give(&mut self, request: &KeyRequest, key: &[u8]) {
        self.asked = None;
        self.key = Some(key.to_vec());
        ends::provide(&mut self.engine, request, key);
    }

    pub(super) fn provide_key(&mut self, script: &mut Script<'_>) {
        let key = [KEY, b"another", b""][usize::from(script.byte() % 3)];
        match &self.asked {
            Some(Step::NeedKey(request)) => {
                let request = request.clone();
                self.give(&request, key);
                if key.is_empty() {
                    self.key = None;
                }
            }
            _ => {
                self.engine.provide_key(None);
                self.engine.provide_key_of(None);
            }
        }
    }

    /// Each message begins with its number, and goes on with bytes that follow from that. Returns the
    /// next number.
    pub(super) fn seal(&mut self, number: u32, script: &mut Script<'_>) -> u32 {
        let length = 4 + script.below(2 << 14);
        let mut message = number.to_be_bytes().to_vec();
        message.resize(length, number as u8);
        let was_possible = self.established && !self.failed && !self.closed;
        match self.engine.seal(&message) {
            Ok(()) => {
                assert!(self.established && !self.failed);
                self.sealed.insert(number, message);
            }
            Err(Error::MessageTooLarge { .. }) => assert!(length > 1 << 14),
            Err(error) => {
                assert!(!was_possible, "{error}");
                self.failed |= self.established;
            }
        }
        number + 1
    }

    pub(super) fn open(&mut self, other: &mut End, script: &mut Script<'_>) {
        let mut buffer = vec![0; 4 + script.below(2 << 14)];
        let is_readable = self.engine.is_readable();
        match self.engine.open(&mut buffer) {
            Ok(Opened::Message { length, truncated }) => {
                assert!(self.established && is_readable);
                let number = buffer[..4].try_into().expect("four bytes");
                let message = other.sealed.remove(&u32::from_be_bytes(number));
                let message = message.expect("a message that was sealed and not opened before");
                assert_eq!(truncated, message.len() > buffer.len());
                assert_eq!(length, message.len().min(buffer.len()));
                assert_eq!(buffer[..length], message[..length]);
            }
            Ok(Opened::Nothing) => {}
            Ok(Opened::End) => assert!(other.closed && self.established),
            Err(error) => {
                let ended = self.failed || !self.established || other.failed;
                assert!(ended, "noise ends no association: {error}");
                self.failed = true;
            }
        }
    }

    /// What the base finds too long is made anew.
    pub(super) fn refit(&mut self, script: &mut Script<'_>) {
        let flight = self.engine.take_outgoing();
        let limit = Some(script.below(1 << 16) as u16);
        let first = script.below(flight.len());
        match self.engine.refit(&flight, first, limit) {
            Some(fitted) => self.queue(datagrams_of(&fitted)),
            None => self.queue(datagrams_of(&flight)),
        }
    }

    /// Whatever else can be asked.
    pub(super) fn look(&mut self) {
        let _ = (self.engine.timeout(), self.engine.statistics());
        let _ = (self.engine.mtu(), self.engine.retransmissions());
        let _ = (self.engine.take_keylog(), self.engine.suspects_refusal());
        let _ = (
            self.engine.application_protocol(),
            self.engine.protocol_version(),
        );
        assert_eq!(
            self.engine.max_payload() > 0,
            self.established && !self.failed
        );
        let session = self.engine.resumable_session();
        assert!(session.is_none() || self.established);
        let keys = self
            .engine
            .export_keying_material("EXPORTER fuzz", None, 32);
        assert!(keys.is_err() || self.established);
        let _ = self.engine.srtp_keys();
        self.engine.wakes();
        self.engine.rest(Instant::now());
    }

    /// Puts what it has to say on its way.
    pub(super) fn collect(&mut self) {
        let new = datagrams(&mut self.engine);
        self.queue(new);
    }

    fn queue(&mut self, new: Vec<Vec<u8>>) {
        let bytes: usize = new.iter().map(Vec::len).sum();
        assert!(
            new.len() <= MOST_DATAGRAMS,
            "{} datagrams at once",
            new.len()
        );
        assert!(bytes <= MOST_BYTES, "{bytes} bytes at once");
        self.sent.extend(new.iter().cloned());
        self.way.extend(new);
    }
}

fn datagrams_of(outgoing: &Datagrams) -> Vec<Vec<u8>> {
    let numbers = 0..outgoing.len();
    let all = numbers.filter_map(|number| outgoing.nth(number));
    all.map(<[u8]>::to_vec).collect()
}
