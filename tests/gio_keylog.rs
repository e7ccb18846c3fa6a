//! The key log: the signal, and the file that `SSLKEYLOGFILE` names. That is read once in a process:
//! the tests of it run themselves again as children.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // These are tests.

mod common;

use std::{
    env, fs,
    io::Read,
    os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use common::{
    assert_fails, client, established, hurry, pki_file, run, server, simnet::SimNet, ways::Way,
};
use gio::IOErrorEnum;
use gio_ossl::{DtlsClientConnection, DtlsServerConnection, prelude::*};

const FILE: &str = "SSLKEYLOGFILE";
/// As the kernel's headers have it on most architectures.
const O_NONBLOCK: i32 = 0o4000;
/// Tells a child that it is one.
const CHILD: &str = "GIO_OSSL_TEST_KEYLOG";

type Lines = Arc<Mutex<Vec<String>>>;

fn ends() -> (DtlsClientConnection, DtlsServerConnection) {
    let (near, far) = SimNet::new().pair();
    (client(&near), server(&far))
}

/// The lines that are announced from now on.
fn lines(end: &(impl DtlsKeylogExt + 'static)) -> Lines {
    let lines = Lines::default();
    let noted = lines.clone();
    end.connect_keylog(move |_, line| noted.lock().unwrap().push(line.to_owned()));
    lines
}

#[track_caller]
fn assert_is_secret(line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words[0], "CLIENT_RANDOM");
    assert_eq!((words.len(), words[1].len(), words[2].len()), (3, 64, 96));
}

#[test]
fn both_ends_announce_the_same_line_once() {
    for way in Way::BOTH {
        let (near, far) = ends();
        let (ours, theirs) = (lines(&near), lines(&far));
        let (client, server) = way.meet(&near, &far);
        client.unwrap();
        server.unwrap();
        let ours = ours.lock().unwrap();
        assert_eq!(*ours, *theirs.lock().unwrap());
        assert_eq!(ours.len(), 1);
        assert_is_secret(&ours[0]);
    }
}

#[test]
fn sessions_have_lines_of_their_own() {
    let mut seen = Vec::new();
    for _ in 0..3 {
        let (near, far) = ends();
        let ours = lines(&near);
        Way::Asynchronous.meet(&near, &far).0.unwrap();
        let ours = ours.lock().unwrap().concat();
        assert!(!seen.contains(&ours));
        seen.push(ours);
    }
}

#[test]
fn handler_may_use_the_connection() {
    let (near, far) = ends();
    let seen = Lines::default();
    let noted = seen.clone();
    near.connect_keylog(move |near, _| {
        let early = near.export_keying_material("EXPERIMENTAL x", None, 16);
        assert_fails(early, IOErrorEnum::NotConnected);
        near.set_require_close_notify(false);
        assert!(near.peer_certificate().is_some());
        let again = near.handshake(gio::Cancellable::NONE);
        noted.lock().unwrap().push(again.is_err().to_string());
    });
    Way::Blocking.meet(&near, &far).0.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["true"]);
}

#[test]
fn handler_that_comes_after_the_handshake_hears_nothing() {
    run(async {
        let (near, far) = established(&SimNet::new()).await;
        let heard = [lines(&near), lines(&far)];
        common::send(&near, b"hello", common::PATIENCE).unwrap();
        common::receive(&far, common::PATIENCE).unwrap();
        assert!(heard.iter().all(|lines| lines.lock().unwrap().is_empty()));
    });
}

#[test]
fn refused_server_leaves_no_secret() {
    hurry();
    let (near, far) = ends();
    near.set_database(gio::TlsDatabase::NONE);
    let heard = [lines(&near), lines(&far)];
    assert!(Way::Asynchronous.meet(&near, &far).0.is_err());
    assert!(heard.iter().all(|lines| lines.lock().unwrap().is_empty()));
}

/// What the library warns of from now on.
fn warnings() -> Lines {
    let warnings = Lines::default();
    let noted = warnings.clone();
    glib::log_set_handler(
        Some("GioOssl"),
        glib::LogLevels::LEVEL_WARNING,
        false,
        false,
        move |_, _, text| noted.lock().unwrap().push(text.to_owned()),
    );
    warnings
}

/// In the child: shakes hands twice, and tells what was warned of.
fn child_shakes_hands() -> Option<Vec<String>> {
    env::var_os(CHILD)?;
    let warnings = warnings();
    for way in Way::BOTH {
        let (near, far) = ends();
        let announced = lines(&near);
        way.meet(&near, &far).0.unwrap();
        assert_eq!(announced.lock().unwrap().len(), 1);
    }
    let warnings = warnings.lock().unwrap();
    Some(warnings.clone())
}

/// The test of this name again, as a child with the variable.
fn child(mut command: Command, test: &str, value: &Path) {
    let output = command
        .args(["--exact", test, "--nocapture", "--test-threads", "1"])
        .env(CHILD, "1")
        .env(FILE, value)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("1 passed"), "{text}");
}

fn this_program() -> Command {
    Command::new(env::current_exe().unwrap())
}

/// An empty folder for the test.
fn folder(test: &str) -> PathBuf {
    let name = format!("keylog-{test}-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    folder
}

#[test]
fn file_gets_the_lines_of_all_connections_and_belongs_to_its_owner_alone() {
    const TEST: &str = "file_gets_the_lines_of_all_connections_and_belongs_to_its_owner_alone";
    if let Some(warnings) = child_shakes_hands() {
        assert!(warnings.is_empty(), "{warnings:?}");
        return;
    }
    let folder = folder("lines");
    let file = folder.join("keys");
    for run in 1..3 {
        child(this_program(), TEST, &file);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.ends_with('\n'));
        // Two sessions in each process, with two ends each.
        assert_eq!(text.lines().count(), 4 * run);
        text.lines().for_each(assert_is_secret);
        assert_eq!(mode(&file), 0o600);
    }
    fs::remove_dir_all(folder).unwrap();
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[test]
fn file_that_exists_keeps_what_it_has() {
    const TEST: &str = "file_that_exists_keeps_what_it_has";
    if let Some(warnings) = child_shakes_hands() {
        assert!(warnings.is_empty(), "{warnings:?}");
        return;
    }
    let folder = folder("exists");
    let (file, link) = (folder.join("keys"), folder.join("link"));
    fs::write(&file, "# before\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&file, &link).unwrap();
    child(this_program(), TEST, &link);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# before\nCLIENT_RANDOM "), "{text}");
    assert_eq!(mode(&file), 0o640);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn processes_may_share_the_file() {
    const TEST: &str = "processes_may_share_the_file";
    if let Some(warnings) = child_shakes_hands() {
        assert!(warnings.is_empty(), "{warnings:?}");
        return;
    }
    let folder = folder("shared");
    let file = folder.join("keys");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| child(this_program(), TEST, &file));
        }
    });
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 16);
    text.lines().for_each(assert_is_secret);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn file_that_cannot_be_opened_is_one_warning() {
    const TEST: &str = "file_that_cannot_be_opened_is_one_warning";
    if let Some(warnings) = child_shakes_hands() {
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("/nonexistent/keys"), "{warnings:?}");
        return;
    }
    child(this_program(), TEST, Path::new("/nonexistent/keys"));
}

#[test]
fn what_might_block_or_break_is_no_file() {
    const TEST: &str = "what_might_block_or_break_is_no_file";
    if let Some(warnings) = child_shakes_hands() {
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("/keylog-pipe-"), "{warnings:?}");
        return;
    }
    let folder = folder("pipe");
    let pipe = folder.join("keys");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let mut options = fs::OpenOptions::new();
    let mut reader = options
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(&pipe)
        .unwrap();
    child(this_program(), TEST, &pipe);
    let mut text = String::new();
    assert_eq!(reader.read_to_string(&mut text).unwrap(), 0);
    drop(reader);
    // Opening it would block until somebody reads.
    child(this_program(), TEST, &pipe);
    child(this_program(), TEST, &folder);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn full_disk_is_one_warning() {
    const TEST: &str = "full_disk_is_one_warning";
    if let Some(warnings) = child_shakes_hands() {
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("No space left"), "{warnings:?}");
        assert!(!warnings[0].contains("CLIENT_RANDOM"), "{warnings:?}");
        return;
    }
    child(this_program(), TEST, Path::new("/dev/full"));
}

#[test]
fn empty_name_is_no_file() {
    const TEST: &str = "empty_name_is_no_file";
    if let Some(warnings) = child_shakes_hands() {
        assert!(warnings.is_empty(), "{warnings:?}");
        return;
    }
    child(this_program(), TEST, Path::new(""));
}

#[test]
fn programs_with_privileges_ignore_the_variable() {
    const TEST: &str = "programs_with_privileges_ignore_the_variable";
    const NOBODY: u32 = 65534;
    // The child must not have to make the PKI.
    let anchor = pki_file("ca.pem");
    if let Some(warnings) = child_shakes_hands() {
        assert!(warnings.is_empty(), "{warnings:?}");
        return;
    }
    assert!(anchor.exists());
    let folder = folder("privileges");
    let program = folder.join("privileged");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    let as_nobody = || {
        let mut command = Command::new(&program);
        command.uid(NOBODY);
        command
    };
    if as_nobody().arg("--list").output().is_err() {
        eprintln!("skipped: only root may start a program as somebody else");
        return;
    }
    let file = folder.join("keys");
    child(as_nobody(), TEST, &file);
    assert!(!file.exists());
    fs::remove_dir_all(folder).unwrap();
}
