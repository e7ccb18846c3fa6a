//! Sources on a context of their own, run one iteration at a time.

use std::{
    sync::{
        Weak,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use glib::MainContext;

use super::*;
use crate::subclass::test_class::TestBase;

unsafe extern "C" {
    fn g_source_set_closure(source: *mut ffi::GSource, closure: *mut gobject_ffi::GClosure);
}

/// Counts its dispatches, passes a condition on, and does what the test wants next.
#[derive(Default)]
struct Probe {
    ready: Arc<AtomicBool>,
    runs: Arc<AtomicUsize>,
    /// The ready time that the last dispatch found.
    time: Arc<AtomicI64>,
    again: Option<Duration>,
    panics: bool,
}

impl SourceImpl for Probe {
    fn is_ready(&self) -> bool {
        self.ready.swap(false, Ordering::Relaxed)
    }

    fn dispatch(
        &mut self,
        source: &glib::Source,
        callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        self.runs.fetch_add(1, Ordering::Relaxed);
        assert!(!self.panics, "deliberate");
        // SAFETY: the source is alive.
        let time = unsafe { ffi::g_source_get_ready_time(source.to_glib_none().0) };
        self.time.store(time, Ordering::Relaxed);
        if let Some(delay) = self.again.take() {
            set_ready_time(source, Some(delay));
        }
        callback(IOCondition::IN)
    }
}

fn iterate(context: &MainContext) {
    while context.iteration(false) {}
}

#[test]
fn source_dispatches_when_it_is_ready() {
    let context = MainContext::new();
    let probe = Probe::default();
    let (ready, runs) = (probe.ready.clone(), probe.runs.clone());
    let source = worker_source("test", probe, None);
    source.attach(Some(&context));
    assert_eq!(source.name().as_deref(), Some("test"));
    iterate(&context);
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    ready.store(true, Ordering::Relaxed);
    iterate(&context);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    source.destroy();
}

#[test]
fn source_dispatches_for_a_child_until_that_is_removed() {
    let context = MainContext::new();
    let probe = Probe::default();
    let runs = probe.runs.clone();
    let source = worker_source("test", probe, None);
    let cancellable = gio::Cancellable::new();
    // SAFETY: the cancellable is alive, and the new source is ours.
    let child: glib::Source = unsafe {
        from_glib_full(gio::ffi::g_cancellable_source_new(
            cancellable.to_glib_none().0,
        ))
    };
    add_child(&source, &child);
    source.attach(Some(&context));
    iterate(&context);
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    gio::prelude::CancellableExt::cancel(&cancellable);
    assert!(context.iteration(false));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    remove_child(&source, &child);
    remove_child(&source, &child);
    gio::prelude::CancellableExt::cancel(&cancellable);
    iterate(&context);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    source.destroy();
}

#[test]
fn ready_time_fires_once_and_may_be_set_again_by_the_dispatch() {
    let context = MainContext::new();
    let probe = Probe {
        again: Some(Duration::from_millis(20)),
        ..Probe::default()
    };
    let (runs, time) = (probe.runs.clone(), probe.time.clone());
    let source = worker_source("test", probe, None);
    set_ready_time(&source, Some(Duration::ZERO));
    source.attach(Some(&context));
    let start = Instant::now();
    while runs.load(Ordering::Relaxed) < 2 {
        context.iteration(true);
    }
    assert!(start.elapsed() >= Duration::from_millis(19));
    iterate(&context);
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    assert_eq!(time.load(Ordering::Relaxed), -1);
    source.destroy();
}

#[test]
fn alarm_wakes_a_polling_context_from_another_thread() {
    let context = MainContext::new();
    let alarm = Arc::new(Alarm::new());
    let probe = Probe::default();
    let runs = probe.runs.clone();
    let source = worker_source("test", probe, Some(&alarm));
    source.attach(Some(&context));
    let ringer = thread::spawn({
        let alarm = alarm.clone();
        move || {
            thread::sleep(Duration::from_millis(10));
            alarm.ring();
        }
    });
    while runs.load(Ordering::Relaxed) == 0 {
        context.iteration(true);
    }
    ringer.join().unwrap();
    source.destroy();
}

#[test]
fn ring_is_not_lost_when_a_ready_time_replaces_its_own() {
    let context = MainContext::new();
    let alarm = Arc::new(Alarm::new());
    let probe = Probe::default();
    let runs = probe.runs.clone();
    let source = worker_source("test", probe, Some(&alarm));
    source.attach(Some(&context));
    alarm.ring();
    set_ready_time(&source, None);
    iterate(&context);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    source.destroy();
}

#[test]
fn alarm_may_ring_while_sources_end_in_another_thread() {
    let alarm = Arc::new(Alarm::new());
    let stop = Arc::new(AtomicBool::new(false));
    let ringer = thread::spawn({
        let (alarm, stop) = (alarm.clone(), stop.clone());
        move || {
            while !stop.load(Ordering::Relaxed) {
                alarm.ring();
            }
        }
    });
    let context = MainContext::new();
    let alive: Vec<Weak<AtomicUsize>> = (0..2000)
        .map(|_| {
            let probe = Probe::default();
            let weak = Arc::downgrade(&probe.runs);
            let source = worker_source("test", probe, Some(&alarm));
            source.attach(Some(&context));
            context.iteration(false);
            source.destroy();
            weak
        })
        .collect();
    stop.store(true, Ordering::Relaxed);
    ringer.join().unwrap();
    assert!(alive.iter().all(|weak| weak.strong_count() == 0));
}

#[test]
fn finalized_source_drops_what_it_owns() {
    let base = TestBase::new();
    let alive = base.downgrade();
    let alarm = Arc::new(Alarm::new());
    let probe = Probe::default();
    let runs = Arc::downgrade(&probe.runs);
    let source = datagram_source(base.upcast_ref(), "test", probe, Some(&alarm));
    drop(base);
    assert!(alive.upgrade().is_some());
    drop(source);
    assert!(alive.upgrade().is_none());
    assert_eq!(runs.strong_count(), 0);
    assert_eq!(Arc::strong_count(&alarm), 1);
    alarm.ring();
}

#[test]
fn closure_gets_the_object_and_the_condition() {
    let context = MainContext::new();
    let base = TestBase::new();
    let probe = Probe::default();
    probe.ready.store(true, Ordering::Relaxed);
    let source = datagram_source(base.upcast_ref(), "test", probe, None);
    let seen = Arc::new(AtomicUsize::new(0));
    let closure = glib::RustClosure::new({
        let seen = seen.clone();
        move |arguments| {
            assert!(arguments[0].get::<TestBase>().is_ok());
            let condition: IOCondition = arguments[1].get().unwrap();
            seen.store(condition.bits() as usize, Ordering::Relaxed);
            Some(true.to_value())
        }
    });
    let closure: &glib::Closure = closure.as_ref();
    // SAFETY: the source and the closure are alive; the source takes its own reference.
    unsafe {
        g_source_set_closure(source.to_glib_none().0, closure.to_glib_none().0);
    }
    source.attach(Some(&context));
    iterate(&context);
    assert_eq!(
        seen.load(Ordering::Relaxed),
        IOCondition::IN.bits() as usize
    );
    source.destroy();
}

#[test]
fn panic_in_dispatch_ends_the_source() {
    let context = MainContext::new();
    let probe = Probe {
        panics: true,
        ..Probe::default()
    };
    probe.ready.store(true, Ordering::Relaxed);
    let source = worker_source("test", probe, None);
    source.attach(Some(&context));
    iterate(&context);
    assert!(source.is_destroyed());
}

/// Runs the context it is on from its dispatch.
struct Recursive {
    context: MainContext,
    runs: Arc<AtomicUsize>,
}

impl SourceImpl for Recursive {
    fn is_ready(&self) -> bool {
        true
    }

    fn dispatch(
        &mut self,
        _source: &glib::Source,
        _callback: &mut dyn FnMut(IOCondition) -> ControlFlow,
    ) -> ControlFlow {
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.context.iteration(false);
        ControlFlow::Break
    }
}

#[test]
fn dispatch_is_not_entered_again_even_if_recursion_is_allowed() {
    let context = MainContext::new();
    let runs = Arc::new(AtomicUsize::new(0));
    let imp = Recursive {
        context: context.clone(),
        runs: runs.clone(),
    };
    let source = worker_source("test", imp, None);
    // SAFETY: the source is alive.
    unsafe { ffi::g_source_set_can_recurse(source.to_glib_none().0, ffi::GTRUE) };
    source.attach(Some(&context));
    iterate(&context);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}
