//! Every datagram of every kind of handshake suffers every fault, on two engines and a stopped clock.
//!
//! `cargo test --test engine_faults -- --nocapture` tells how many cases there are.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

#[path = "common/engines.rs"]
#[allow(dead_code)]
mod engines;
#[path = "common/faults/mod.rs"]
mod faults;
#[path = "common/pki.rs"]
#[allow(dead_code)]
mod pki;

use faults::{Cost, Facts, Fate, LONG, Outcome, Pace, Place, SHORT, Shape, contents, headers};
use gio_ossl::Error;
use gio_ossl::engine::{Role, Step};

const PACES: [Pace; 2] = [Pace::OneByOne, Pace::Together];

/// What leaves nothing of a datagram that could be mistaken.
const FATES: [Fate; 10] = [
    Fate::Lost,
    Fate::Doubled,
    Fate::Late(1),
    Fate::Late(2),
    Fate::Late(3),
    Fate::Echoed,
    Fate::Halved,
    Fate::CutTo(0),
    Fate::CutTo(13),
    Fate::CutBy(1),
];

/// How far the numbers of datagrams go on behind those of a handshake without faults: repetitions.
const REPETITIONS: usize = 2;
/// A flight that nothing has answered after so many repetitions is OpenSSL's last.
const MOST_REPETITIONS: usize = 12;
const SEEDS: u64 = 300;

/// A datagram: to whom, and its number on that way.
type Which = (Role, usize);

/// A handshake in which nothing happens, and those that are compared with it.
struct Trial {
    shape: &'static Shape,
    facts: Facts,
    datagrams: Vec<(Which, Vec<u8>)>,
    cases: usize,
}

impl Trial {
    fn of(shape: &'static Shape) -> Self {
        let mut datagrams = Vec::new();
        let (outcome, cost) = shape.run(Pace::Together, |to, number, datagram| {
            datagrams.push(((to, number), datagram.to_vec()));
            Fate::Arrives
        });
        let Outcome::Established(facts) = outcome else {
            panic!("{}: {outcome:?}", shape.name)
        };
        assert_eq!(facts.resumed, shape.resumes());
        assert_eq!(cost.deadlines, 0);
        Self {
            shape,
            facts,
            datagrams,
            cases: 0,
        }
    }

    /// Runs a handshake. Whatever becomes of it, nothing else may be agreed on.
    fn run(
        &mut self,
        pace: Pace,
        fate: impl FnMut(Role, usize, &[u8]) -> Fate,
    ) -> (Result<(), (Step, Step)>, Cost) {
        self.cases += 1;
        let (outcome, cost) = self.shape.run(pace, fate);
        match outcome {
            Outcome::Established(facts) => {
                assert_eq!(facts, self.facts, "{}", self.shape.name);
                (Ok(()), cost)
            }
            Outcome::Failed(client, server) => (Err((client, server)), cost),
        }
    }

    /// Datagrams suffer this, each another one, and the handshake succeeds: no later and no dearer than
    /// repeating makes it.
    fn survives(&mut self, pace: Pace, faults: &[(Which, Fate)]) {
        let (result, cost) = self.run(pace, |to, number, _| {
            let fault = faults.iter().find(|(which, _)| *which == (to, number));
            fault.map_or(Fate::Arrives, |(_, fate)| *fate)
        });
        let case = || format!("{}, {pace:?}, {faults:?}: {cost:?}", self.shape.name);
        assert!(result.is_ok(), "{}: {result:?}", case());
        assert!(cost.deadlines <= faults.len() + 1, "{}", case());
        let most = (faults.len() + 2) * self.datagrams.len();
        assert!(cost.sent <= most, "{}", case());
    }

    /// Whether the handshake survives what one datagram suffers. Otherwise both ends fail, and tell that it
    /// was the protocol.
    fn survives_or_fails(&mut self, pace: Pace, which: Which, fate: Fate) -> bool {
        let (result, cost) = self.run(pace, |to, number, _| {
            if (to, number) == which {
                fate
            } else {
                Fate::Arrives
            }
        });
        let case = || format!("{}, {which:?}, {fate:?}: {cost:?}", self.shape.name);
        assert!(cost.deadlines <= 2 * MOST_REPETITIONS, "{}", case());
        let Err((client, server)) = result else {
            return true;
        };
        for step in [client, server] {
            let is_right = matches!(step, Step::Failed(Error::Tls(_) | Error::BadCertificate(_)));
            assert!(is_right, "{}: {step:?}", case());
        }
        false
    }

    /// The datagrams, and so many more of each direction.
    fn numbers(&self, more: usize) -> Vec<Which> {
        let all = self.datagrams.iter().map(|(which, _)| *which);
        let further = [Role::Client, Role::Server].map(|role| {
            let count = all.clone().filter(|(to, _)| *to == role).count();
            (count..count + more).map(move |number| (role, number))
        });
        all.clone().chain(further.into_iter().flatten()).collect()
    }

    fn report(&self, what: &str) {
        let (name, count) = (self.shape.name, self.datagrams.len());
        println!("{what}: {} cases, {name} ({count} datagrams)", self.cases);
    }
}

fn all_shapes() -> impl Iterator<Item = &'static Shape> {
    SHORT.iter().chain(&LONG)
}

#[test]
fn each_datagram_may_be_lost_doubled_overtaken_or_cut_short() {
    for shape in all_shapes() {
        let mut trial = Trial::of(shape);
        for which in trial.numbers(0) {
            for fate in FATES {
                for pace in PACES {
                    trial.survives(pace, &[(which, fate)]);
                }
            }
        }
        trial.report("one fault");
    }
}

#[test]
fn any_two_datagrams_may_be_lost() {
    for shape in all_shapes() {
        let mut trial = Trial::of(shape);
        let numbers = trial.numbers(REPETITIONS);
        for (index, first) in numbers.iter().enumerate() {
            for second in &numbers[index + 1..] {
                let faults = [(*first, Fate::Lost), (*second, Fate::Lost)];
                for pace in PACES {
                    trial.survives(pace, &faults);
                }
            }
        }
        trial.report("two losses");
    }
}

#[test]
fn any_three_datagrams_of_a_handshake_with_few_may_be_lost() {
    for shape in &SHORT {
        let mut trial = Trial::of(shape);
        let numbers = trial.numbers(REPETITIONS + 1);
        for (index, first) in numbers.iter().enumerate() {
            for (further, second) in numbers.iter().enumerate().skip(index + 1) {
                for third in &numbers[further + 1..] {
                    let faults = [first, second, third].map(|which| (*which, Fate::Lost));
                    for pace in PACES {
                        trial.survives(pace, &faults);
                    }
                }
            }
        }
        trial.report("three losses");
    }
}

#[test]
fn any_two_datagrams_of_a_handshake_with_few_may_suffer_different_faults() {
    for shape in &SHORT {
        let mut trial = Trial::of(shape);
        let numbers = trial.numbers(0);
        for (index, first) in numbers.iter().enumerate() {
            for second in &numbers[index + 1..] {
                for fates in FATES
                    .iter()
                    .flat_map(|one| FATES.map(|other| (*one, other)))
                {
                    let faults = [(*first, fates.0), (*second, fates.1)];
                    for pace in PACES {
                        trial.survives(pace, &faults);
                    }
                }
            }
        }
        trial.report("two faults");
    }
}

#[test]
fn each_header_field_may_be_garbled_unless_it_makes_a_message_that_might_be_genuine() {
    for shape in all_shapes() {
        let (trial, failed) = garbled(shape, headers);
        trial.report(&format!("garbled headers ({failed} failed)"));
        // The ServerHello's type, and what comes too early in its flight.
        assert!(failed <= 6, "{failed}");
    }
}

#[test]
fn garbled_plaintext_ends_a_handshake_with_an_error_or_not_at_all_and_protected_records_never() {
    for shape in &SHORT {
        let (trial, failed) = garbled(shape, |datagram| contents(datagram, 8));
        trial.report(&format!("garbled contents ({failed} failed)"));
    }
}

/// Garbles each datagram in each of these places, and counts the handshakes that fail. Only those may
/// in which a message might still be genuine.
fn garbled(shape: &'static Shape, places: impl Fn(&[u8]) -> Vec<Place>) -> (Trial, usize) {
    let mut trial = Trial::of(shape);
    let mut failed = 0;
    for (which, bytes) in trial.datagrams.clone() {
        for place in places(&bytes) {
            let pace = PACES[trial.cases % 2];
            let fate = Fate::Garbled(place);
            if place.deceives(&bytes) {
                failed += usize::from(!trial.survives_or_fails(pace, which, fate));
            } else {
                trial.survives(pace, &[(which, fate)]);
            }
        }
    }
    (trial, failed)
}

/// Numbers that are the same for each seed, by Marsaglia's xorshift.
struct Dice(u64);

impl Dice {
    fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn percent(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % 100
    }
}

/// A path loses so many percent. A rough one doubles as many of the others, and delays as many.
fn fate_on_path(dice: &mut Dice, percent: u64, is_rough: bool) -> Fate {
    if dice.percent() < percent {
        return Fate::Lost;
    }
    match dice.percent() {
        roll if is_rough && roll < percent => Fate::Doubled,
        roll if is_rough && roll < 2 * percent => [1, 2, 3].map(Fate::Late)[roll as usize % 3],
        _ => Fate::Arrives,
    }
}

#[test]
fn paths_that_lose_at_random_are_survived_unless_they_lose_twelve_times_in_a_row() {
    for shape in all_shapes() {
        for percent in [1, 10, 30] {
            let mut trial = Trial::of(shape);
            let mut given_up = 0;
            for seed in 1..=SEEDS {
                let mut dice = Dice::of(seed);
                let [pace, _] = if seed % 4 < 2 {
                    PACES
                } else {
                    [PACES[1], PACES[0]]
                };
                let (result, cost) = trial.run(pace, |_, _, _| {
                    fate_on_path(&mut dice, percent, seed % 2 == 0)
                });
                if let Err(steps) = result {
                    let case = format!("{}, seed {seed}: {steps:?} {cost:?}", shape.name);
                    assert!(case.contains("The peer does not answer"), "{case}");
                    assert!(cost.deadlines > MOST_REPETITIONS, "{case}");
                    given_up += 1;
                }
            }
            trial.report(&format!("{percent} % lost ({given_up} given up)"));
            assert!(given_up == 0 || percent == 30 && given_up <= SEEDS / 50);
        }
    }
}
