//! A work with each of its calls failing in turn.

use std::collections::BTreeSet;
use std::ffi::c_int;
use std::io::{Read, Write, pipe, stderr};

use gio_ossl::Error;
use gio_ossl_call_failures::{Fallible, fallible};
use openssl::error::ErrorStack;

use crate::failing::{Failure, survey, with_failure};
use crate::forks::{Exit, fork, wait};
use crate::plans::check;

/// What a work comes to when nothing fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Usually {
    Succeeds,
    /// Somebody or something bad is refused, which must be so whatever fails.
    Refuses,
}

type Work<'a> = &'a dyn Fn() -> Result<(), Error>;

/// How a case ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It succeeds all the same, and may, with the failure of this call, by its place in the table.
    Done(u8),
    /// With an error that says what happened.
    Failed,
    /// The call is not reached.
    Unreached,
}

impl End {
    /// The status of a process that ends so.
    fn status(self) -> c_int {
        match self {
            End::Failed => 2,
            End::Unreached => 3,
            End::Done(call) => c_int::from(call) + 4,
        }
    }

    fn of(exit: Exit) -> Option<Self> {
        match exit {
            Exit::With(2) => Some(End::Failed),
            Exit::With(3) => Some(End::Unreached),
            Exit::With(status) => Some(End::Done(u8::try_from(status - 4).ok()?)),
            Exit::Crashed | Exit::Wrong => None,
        }
    }
}

/// What all works together have shown.
#[derive(Default)]
pub struct Hunt {
    /// Whether the cases are run one after the other, because they share what only one process may use.
    pub is_patient: bool,
    called: BTreeSet<&'static str>,
    unnoticed: BTreeSet<&'static str>,
    wrong: Vec<String>,
}

impl Hunt {
    /// Runs the work once for each of its calls, each of the values that stand for a failure, and with and
    /// without a reason in OpenSSL's queue.
    pub fn each(&mut self, name: &str, usually: Usually, work: Work) {
        let calls = calls_of(usually, work);
        let table = fallible();
        let of = |name: &str| table.iter().find(|call| call.name == name).unwrap();
        let cases = calls.iter().zip(1..).flat_map(|(call, number)| {
            let call = of(call);
            (0..call.values.len()).flat_map(move |value| {
                call.explains.iter().map(move |&is_explained| Failure {
                    number,
                    value,
                    is_explained,
                })
            })
        });
        let cases: Vec<Failure> = cases.collect();
        let ends = in_children(self.is_patient, &cases, |case| run(case, usually, work));
        let failed = ends.iter().filter(|end| **end == Some(End::Failed)).count();
        let is_done = |end: &&Option<End>| matches!(end, Some(End::Done(_)));
        println!(
            "{name}: {} calls, {} cases, of which {} succeed and {} fail",
            calls.len(),
            cases.len(),
            ends.iter().filter(is_done).count(),
            failed
        );
        for (case, end) in cases.iter().zip(&ends) {
            let call = of(&calls[case.number - 1]);
            match end {
                None => self.wrong.push(format!("{name}: {} {case:?}", call.name)),
                Some(End::Done(call)) => _ = self.unnoticed.insert(table[usize::from(*call)].name),
                Some(_) => {}
            }
        }
        self.called.extend(calls.iter().map(|call| of(call).name));
    }

    /// That all went well, and that the table says no more and no less than what has been seen.
    pub fn conclude(self) {
        let table = fallible();
        let names = |wanted: &dyn Fn(&Fallible) -> bool| -> BTreeSet<&str> {
            let found = table.iter().filter(|call| wanted(call));
            found.map(|call| call.name).collect()
        };
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        assert_eq!(self.unnoticed, names(&|call| call.excuse.is_some()));
        assert_eq!(self.called, names(&|_| true));
    }
}

/// What the work calls.
fn calls_of(usually: Usually, work: Work) -> Vec<String> {
    let (mut reader, mut writer) = pipe().unwrap();
    let child = fork(|| {
        let mut result = Ok(());
        let calls = survey(|| result = work());
        assert_eq!(result.is_ok(), usually == Usually::Succeeds, "{result:?}");
        writer.write_all(calls.join("\n").as_bytes()).unwrap();
        End::Unreached.status()
    });
    drop(writer);
    let mut calls = String::new();
    reader.read_to_string(&mut calls).unwrap();
    assert_eq!(wait(), (child, Exit::With(End::Unreached.status())));
    calls.lines().map(str::to_owned).collect()
}

/// What a case does in its own process.
fn run(case: Failure, usually: Usually, work: Work) -> End {
    let (result, failed) = with_failure(case, work);
    let left = ErrorStack::get();
    assert!(
        left.errors().is_empty(),
        "left in the queue by {:?}: {left}",
        failed.map(|it| it.name)
    );
    if let Err(error) = &result {
        check(error);
    }
    assert!(
        result.is_err() || usually == Usually::Succeeds,
        "it is not refused"
    );
    let again = work();
    assert_eq!(
        again.is_ok(),
        usually == Usually::Succeeds,
        "again: {again:?}"
    );
    let Some(failed) = failed else {
        return End::Unreached;
    };
    match result {
        Err(_) => End::Failed,
        Ok(()) => {
            assert!(
                failed.excuse.is_some(),
                "nobody notices that {} fails",
                failed.name
            );
            let place = fallible().iter().position(|call| call.name == failed.name);
            End::Done(u8::try_from(place.unwrap()).unwrap())
        }
    }
}

/// The ends of all cases, of which as many run at once as there are processors.
fn in_children(
    is_patient: bool,
    cases: &[Failure],
    run: impl Fn(Failure) -> End,
) -> Vec<Option<End>> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let most = if is_patient { 1 } else { processors };
    let mut ends = vec![None; cases.len()];
    let mut running: Vec<(c_int, usize)> = Vec::new();
    let mut left = cases.iter().enumerate().peekable();
    while left.peek().is_some() || !running.is_empty() {
        if running.len() < most
            && let Some((place, case)) = left.next()
        {
            running.push((fork(|| run(*case).status()), place));
            continue;
        }
        let (child, exit) = wait();
        let end = End::of(exit);
        let index = running.iter().position(|(running, _)| *running == child);
        let (_, place) = running.remove(index.unwrap());
        if end.is_none() {
            let _ = writeln!(stderr(), "{:?}", cases[place]);
        }
        ends[place] = end;
    }
    ends
}
