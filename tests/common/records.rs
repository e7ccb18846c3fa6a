//! What can be seen of DTLS records on the wire (RFC 6347, section 4.1).

use super::simnet::{Direction, SimNet};

/// Content type of an alert.
pub const ALERT: u8 = 0x15;
/// Content type of a handshake message.
pub const HANDSHAKE: u8 = 0x16;
/// Content type of application data.
pub const APPLICATION_DATA: u8 = 0x17;

/// One record; its fragment is encrypted from epoch 1 on.
#[derive(Clone, Debug)]
pub struct Record {
    /// Content type.
    pub kind: u8,
    /// 0 before ChangeCipherSpec, 1 after.
    pub epoch: u16,
    /// The rest.
    pub fragment: Vec<u8>,
}

/// The records of a datagram.
pub fn records(mut datagram: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while let [kind, _, _, e0, e1, _, _, _, _, _, _, l0, l1, rest @ ..] = datagram {
        let length = usize::from(u16::from_be_bytes([*l0, *l1])).min(rest.len());
        let (fragment, next) = rest.split_at(length);
        records.push(Record {
            kind: *kind,
            epoch: u16::from_be_bytes([*e0, *e1]),
            fragment: fragment.to_vec(),
        });
        datagram = next;
    }
    records
}

/// All records that were sent in a direction.
pub fn sent_records(net: &SimNet, direction: Direction) -> Vec<Record> {
    let sent = net.sent(direction);
    sent.iter().flat_map(|datagram| records(datagram)).collect()
}

/// Whether a Finished has been sent: it is the first record of epoch 1.
pub fn finished_was_sent(net: &SimNet, direction: Direction) -> bool {
    let sent = sent_records(net, direction);
    sent.iter().any(|record| record.epoch > 0)
}

/// The plain alerts that were sent in a direction, as level and description.
pub fn plain_alerts(net: &SimNet, direction: Direction) -> Vec<(u8, u8)> {
    let sent = sent_records(net, direction);
    let alerts = sent.iter().filter(|it| it.kind == ALERT && it.epoch == 0);
    alerts
        .filter_map(|it| Some((*it.fragment.first()?, *it.fragment.get(1)?)))
        .collect()
}

/// How many alerts of any kind were sent in a direction.
pub fn alert_count(net: &SimNet, direction: Direction) -> usize {
    let sent = sent_records(net, direction);
    sent.iter().filter(|record| record.kind == ALERT).count()
}
