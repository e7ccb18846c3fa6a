//! The retransmission timer: OpenSSL's, at our pace.

use std::ffi::c_uint;
use std::time::{Duration, Instant};

use foreign_types::ForeignType;

use super::Session;
use crate::ossl::queue::{self, Failure};
use crate::ossl::{context, sys};

/// The longest time-out (RFC 6347, section 4.2.4.1).
const LONGEST: Duration = Duration::from_secs(60);
/// What a measured round trip makes of the first time-out at least: a peer needs time to think, too.
const SHORTEST: Duration = Duration::from_millis(100);
/// The part of the initial time-out that is the least where a flight was repeated. After two time-outs
/// that were too short, they are what they would have been.
const UNSURE: u32 = 4;

/// OpenSSL takes a time-out for over when no more than this is left of it. It is told so much more.
const HASTE: Duration = Duration::from_millis(15);

/// How long the peer has for its answer to a repeated flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Twice as long as before (RFC 6347, section 4.2.4.1).
    BackOff,
    /// As long as for the first answer.
    Initial,
}

/// What the time-outs follow from.
#[derive(Debug)]
pub struct Timer {
    pace: Pace,
    /// As configured.
    initial: Duration,
    /// What the next flight begins with.
    first: Duration,
    /// When our flight was sent, the latest time, if nothing has answered it.
    sent: Option<Instant>,
    /// How often the timer has run out since our flight began.
    in_a_row: u32,
    /// How often a flight was repeated.
    repeated: u64,
}

impl Timer {
    /// One that never ran.
    pub fn new(initial: Duration) -> Self {
        Timer {
            pace: Pace::BackOff,
            initial,
            first: initial,
            sent: None,
            in_a_row: 0,
            repeated: 0,
        }
    }

    /// The next time-out: of a new flight where there is none yet, or else of one that is repeated.
    pub fn next(&mut self, current: Option<Duration>, now: Instant) -> Duration {
        let Some(current) = current else {
            self.sent = Some(now);
            self.in_a_row = 0;
            return self.first;
        };
        self.sent = self.sent.and(Some(now));
        self.in_a_row += 1;
        self.repeated += 1;
        match self.pace {
            Pace::BackOff => current.saturating_mul(2).min(LONGEST),
            Pace::Initial => self.initial,
        }
    }

    /// The peer has answered our flight, or begun to. The following ones wait for half as long again as
    /// it took (RFC 9147, section 5.8.2).
    ///
    /// Which sending of a repeated flight was answered is not known (RFC 6298, section 3). More likely
    /// than not an earlier one was lost, so that the latest counts; but the time-out stays long enough
    /// for a slow path to be sent little in vain.
    fn answered(&mut self, now: Instant) {
        if let Some(sent) = self.sent.take() {
            let round_trip = now.saturating_duration_since(sent);
            let (least, most) = match self.in_a_row {
                0 => (SHORTEST, self.initial),
                _ => (SHORTEST.max(self.initial / UNSURE), self.first),
            };
            let adapted = round_trip.saturating_mul(3) / 2;
            self.first = adapted.max(least).min(most);
        }
    }
}

/// As OpenSSL counts.
pub fn microseconds(time: Duration) -> c_uint {
    c_uint::try_from((time + HASTE).as_micros()).unwrap_or(c_uint::MAX)
}

/// What [`microseconds`] made so many of. Zero is no time-out at all.
pub fn from_microseconds(time: c_uint) -> Option<Duration> {
    (time > 0).then(|| Duration::from_micros(time.into()).saturating_sub(HASTE))
}

impl Session {
    /// How long until the retransmission timer runs out, if it runs.
    pub fn timeout(&self) -> Option<Duration> {
        let mut left = sys::Timeval::default();
        // SAFETY: OpenSSL fills the `struct timeval` that it is given.
        let running = unsafe {
            openssl_sys::SSL_ctrl(
                self.ssl.as_ptr(),
                sys::DTLS_CTRL_GET_TIMEOUT,
                0,
                std::ptr::from_mut(&mut left).cast(),
            )
        };
        if running != 1 {
            return None;
        }
        let seconds = Duration::from_secs(u64::try_from(left.seconds).unwrap_or(0));
        let left = seconds + Duration::from_micros(u64::try_from(left.microseconds).unwrap_or(0));
        // It may still call for another look, until OpenSSL agrees that nothing is left.
        let really_left = || left.saturating_sub(HASTE).max(Duration::from_micros(1));
        Some(if left.is_zero() { left } else { really_left() })
    }

    /// Retransmits the last flight if the timer has run out.
    pub fn handle_timeout(&mut self, pace: Pace) -> Result<(), Failure> {
        if let Some(hooks) = self.hooks() {
            hooks.timer.pace = pace;
        }
        let written = self.wire().outgoing.len();
        queue::clear();
        // SAFETY: the `SSL` is valid.
        let result = unsafe {
            openssl_sys::SSL_ctrl(
                self.ssl.as_ptr(),
                sys::DTLS_CTRL_HANDLE_TIMEOUT,
                0,
                std::ptr::null_mut(),
            )
        };
        self.join(written);
        if result < 0 {
            return Err(queue::drain());
        }
        Ok(())
    }

    /// The peer has answered our latest flight.
    pub fn answered(&mut self) {
        if let Some(hooks) = self.hooks() {
            hooks.timer.answered(Instant::now());
        }
    }

    /// How often the timer has run out since our latest flight began.
    pub fn timeouts_in_a_row(&self) -> u32 {
        self.timer().map_or(0, |timer| timer.in_a_row)
    }

    /// How often the timer made us repeat a flight.
    pub fn repeated(&self) -> u64 {
        self.timer().map_or(0, |timer| timer.repeated)
    }

    fn timer(&self) -> Option<&Timer> {
        let hooks = self.ssl.ex_data(context::hooks_index().ok()?)?;
        Some(&hooks.timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INITIAL: Duration = Duration::from_secs(1);

    fn milliseconds(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    /// The first time-out of the second flight, if the first one was answered after so long.
    fn second_flight(round_trip: Duration) -> Duration {
        let now = Instant::now();
        let mut timer = Timer::new(INITIAL);
        assert_eq!(timer.next(None, now), INITIAL);
        timer.answered(now + round_trip);
        timer.next(None, now + round_trip)
    }

    #[test]
    fn timeouts_double_up_to_a_minute() {
        let mut timer = Timer::new(INITIAL);
        let now = Instant::now();
        let mut current = timer.next(None, now);
        for expected in [2, 4, 8, 16, 32, 60, 60] {
            current = timer.next(Some(current), now);
            assert_eq!(current, Duration::from_secs(expected));
        }
        assert_eq!((timer.in_a_row, timer.repeated), (7, 7));
        assert_eq!(timer.next(None, now), INITIAL);
        assert_eq!((timer.in_a_row, timer.repeated), (0, 7));
    }

    #[test]
    fn next_flight_waits_half_as_long_again_as_the_round_trip_took() {
        assert_eq!(second_flight(milliseconds(200)), milliseconds(300));
    }

    #[test]
    fn measured_timeout_is_between_the_shortest_and_the_initial_one() {
        assert_eq!(second_flight(milliseconds(1)), SHORTEST);
        assert_eq!(second_flight(Duration::from_secs(30)), INITIAL);
        let mut hasty = Timer::new(milliseconds(20));
        let now = Instant::now();
        hasty.next(None, now);
        hasty.answered(now);
        assert_eq!(hasty.next(None, now), milliseconds(20));
    }

    /// The first time-out of the second flight, if the first one was answered so long after it was
    /// repeated.
    fn after_repetition(wait: Duration) -> Duration {
        let mut timer = Timer::new(INITIAL);
        let now = Instant::now();
        timer.next(None, now);
        timer.next(Some(INITIAL), now + INITIAL);
        timer.answered(now + INITIAL + wait);
        timer.next(None, now + INITIAL + wait)
    }

    #[test]
    fn repeated_flight_is_measured_from_the_latest_time_that_it_was_sent() {
        assert_eq!(after_repetition(milliseconds(400)), milliseconds(600));
        assert_eq!(after_repetition(milliseconds(900)), INITIAL);
    }

    #[test]
    fn timeout_after_a_repeated_flight_is_a_quarter_of_the_initial_one_at_least() {
        assert_eq!(after_repetition(milliseconds(1)), INITIAL / 4);
        let mut hasty = Timer::new(milliseconds(200));
        let now = Instant::now();
        hasty.next(None, now);
        hasty.next(Some(milliseconds(200)), now);
        hasty.answered(now);
        assert_eq!(hasty.next(None, now), SHORTEST);
    }

    #[test]
    fn repeated_flight_does_not_make_a_measured_timeout_longer() {
        let mut timer = Timer::new(INITIAL);
        let now = Instant::now();
        timer.next(None, now);
        timer.answered(now);
        timer.next(None, now);
        timer.next(Some(SHORTEST), now);
        timer.answered(now + INITIAL);
        assert_eq!(timer.next(None, now), SHORTEST);
    }

    #[test]
    fn repetition_after_the_first_part_of_an_answer_changes_nothing() {
        let mut timer = Timer::new(INITIAL);
        let now = Instant::now();
        timer.next(None, now);
        timer.answered(now + milliseconds(200));
        timer.next(Some(INITIAL), now + INITIAL);
        timer.answered(now + INITIAL + milliseconds(600));
        assert_eq!(timer.next(None, now + 2 * INITIAL), milliseconds(300));
    }

    #[test]
    fn only_the_first_part_of_an_answer_measures() {
        let mut timer = Timer::new(INITIAL);
        let now = Instant::now();
        timer.next(None, now);
        timer.answered(now + milliseconds(200));
        timer.answered(now + milliseconds(600));
        assert_eq!(timer.next(None, now + INITIAL), milliseconds(300));
    }

    #[test]
    fn suspicion_gives_the_configured_time_and_not_the_measured_one() {
        let mut timer = Timer::new(INITIAL);
        let now = Instant::now();
        timer.next(None, now);
        timer.answered(now);
        timer.pace = Pace::Initial;
        let first = timer.next(None, now);
        assert_eq!(first, SHORTEST);
        assert_eq!(timer.next(Some(first), now), INITIAL);
    }
}
