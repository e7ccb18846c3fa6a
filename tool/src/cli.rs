//! The command line: what `--help` and the manual page say.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

const STATUSES: &str = "\
Exit status:
    0  all went well
    1  something else failed, such as writing the output
    2  an option or a file cannot be used
    3  network: nobody can be reached, or nobody answers
    4  the handshake or the session failed
    5  verification: a certificate is not trusted
  130  interrupted before there was a session";

const CONNECT_EXAMPLES: &str = "\
Examples:
  Talk to a server; each line becomes a datagram:
    gio-ossl connect server.example.com 4433
  A test server with an authority of its own, reached by its address:
    gio-ossl connect 192.0.2.1 4433 --ca-file ca.pem --identity server.example.com
  One request and one answer, for a script:
    gio-ossl connect server.example.com 4433 --send ping --count 1 --json
  A file, as datagrams of 1200 bytes:
    gio-ossl connect server.example.com 4433 --file image.bin --size 1200
  As a client with a certificate:
    gio-ossl connect server.example.com 4433 --certificate me.pem --key me.key
  Does the server resume sessions? The second time it should say so:
    gio-ossl connect server.example.com 4433 --session session.bin --send ping
  With a pre-shared key in place of certificates, as CoAP does:
    gio-ossl connect 192.0.2.1 5684 --psk-identity sensor-7 --psk-key-file key.hex";

const LISTEN_EXAMPLES: &str = "\
Examples:
  An echo server on every address:
    gio-ossl listen 4433 --certificate server.pem --key server.key --echo
  For one client on this machine, which must show a certificate of ours:
    gio-ossl listen 4433 --address ::1 --certificate server.p12 --require-certificate \\
      --ca-file ca.pem --once
  With pre-shared keys, one line identity:key each:
    gio-ossl listen 5684 --psk-file keys.txt";

const SHOW_EXAMPLES: &str = "\
Examples:
  What is in a file, and what may be wrong with it:
    gio-ossl show server.pem
  Would a client that trusts ca.pem accept it as server.example.com?
    gio-ossl show server.pem --ca-file ca.pem --identity server.example.com
  A container with a password:
    gio-ossl show bundle.p12 --password-file password.txt";

/// Speaks DTLS: connects to a server, listens for clients, explains certificates
///
/// DTLS is TLS for datagrams (RFC 6347). This program shows what a session consists of, moves lines
/// and files over it, and says what to try when something fails.
#[derive(Debug, Parser)]
#[command(name = "gio-ossl", version, propagate_version = true, after_help = STATUSES, max_term_width = 100)]
pub struct Arguments {
    /// Print one JSON object per event on the standard output
    #[arg(long, global = true)]
    pub json: bool,

    /// Leave out what is not a message, a result or an error
    #[arg(short, long, global = true)]
    pub quiet: bool,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Connect to a server and exchange messages with it
    ///
    /// Shows the facts of the session on the standard error output, sends what --send and --file say
    /// or else each line of the standard input, and writes the messages that arrive to the standard
    /// output. Ctrl-C closes the session properly.
    #[command(after_help = CONNECT_EXAMPLES)]
    Connect(Box<Connect>),
    /// Listen for clients and exchange messages with them
    ///
    /// Serves many clients at once. What arrives is written to the standard output; lines of the
    /// standard input go to the client that was heard last. Ctrl-C closes all sessions properly. In
    /// the background, it needs another input than the terminal, such as < /dev/null.
    #[command(after_help = LISTEN_EXAMPLES)]
    Listen(Box<Listen>),
    /// Show what is in a file of certificates and keys
    ///
    /// Reads PEM, DER and PKCS #12, and says what may be wrong: validity, the order of the chain, keys
    /// that do not fit, trust. Keys are described, never shown.
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
}

#[derive(Args, Debug)]
pub struct Connect {
    /// The server's host name or address
    pub host: String,
    /// The server's UDP port
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Give up if there is no session after so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub timeout: Duration,

    /// Trust the authorities in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", help_heading = TRUST)]
    pub ca_file: Option<PathBuf>,
    /// The name or address that the server must prove to be [default: HOST]
    #[arg(long, value_name = "NAME", help_heading = TRUST)]
    pub identity: Option<String>,
    /// Talk to whoever answers: anyone between you and the server can then read and change everything
    #[arg(long, help_heading = TRUST)]
    pub insecure: bool,

    #[command(flatten)]
    pub credentials: Credentials,
    /// Prove by a pre-shared key who we are: our name at the server
    #[arg(long, value_name = "NAME", help_heading = CREDENTIALS, requires = "psk_key_file")]
    pub psk_identity: Option<String>,
    /// The pre-shared key, one line in hexadecimal
    #[arg(long, value_name = "FILE", help_heading = CREDENTIALS, requires = "psk_identity")]
    pub psk_key_file: Option<PathBuf>,
    #[command(flatten)]
    pub protocol: Protocol,
    /// Resume the session in this file, if there is one, and keep the new one there
    ///
    /// The file contains the session's secret: who has it can read the session.
    #[arg(long, value_name = "FILE", help_heading = PROTOCOL)]
    pub session: Option<PathBuf>,

    /// Send this text as a message; may be repeated
    #[arg(long, value_name = "TEXT", help_heading = MESSAGES)]
    pub send: Vec<String>,
    /// Send this file as messages of --size bytes, after those of --send
    ///
    /// Nothing repeats a datagram that the network loses.
    #[arg(long, value_name = "FILE", help_heading = MESSAGES)]
    pub file: Option<PathBuf>,
    /// How many bytes of the file go into one message
    #[arg(long, value_name = "BYTES", default_value_t = 1024, help_heading = MESSAGES,
        value_parser = clap::value_parser!(u16).range(1..=16384))]
    pub size: u16,
    /// Send lines of the standard input with their line break, as openssl and nc do
    #[arg(long, help_heading = MESSAGES)]
    pub newline: bool,
    /// Write messages exactly as they arrive, without a line break after each
    #[arg(long, conflicts_with = "json", help_heading = MESSAGES)]
    pub raw: bool,
    /// End when so many messages have arrived
    #[arg(long, value_name = "NUMBER", help_heading = MESSAGES,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// After the last message was sent, end when nothing has arrived for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds,
        help_heading = MESSAGES)]
    pub wait: Duration,
}

#[derive(Args, Debug)]
pub struct Listen {
    /// The UDP port to listen on; 0 takes any free one
    pub port: u16,
    /// The address to listen on [default: all, IPv6 and IPv4]
    ///
    /// Where a machine has several addresses, answers may come from another than the client has written
    /// to, which the client then ignores. Name the address that clients use.
    #[arg(long)]
    pub address: Option<IpAddr>,
    /// Give up a client with whom there is no session after so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub timeout: Duration,
    /// Forget a client that was silent for so many seconds; 0 never does
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub idle_timeout: Duration,
    /// End after the first session, well or not
    #[arg(long)]
    pub once: bool,

    #[command(flatten)]
    pub credentials: Credentials,
    /// Pre-shared keys of clients: lines of identity:key, the key in hexadecimal
    #[arg(long, value_name = "FILE", help_heading = CREDENTIALS)]
    pub psk_file: Option<PathBuf>,
    /// Tell clients this about the identities in --psk-file
    #[arg(long, value_name = "TEXT", help_heading = CREDENTIALS, requires = "psk_file")]
    pub psk_hint: Option<String>,
    /// Ask clients for a certificate; those without are served, too
    #[arg(long, help_heading = TRUST)]
    pub request_certificate: bool,
    /// Serve only clients with a certificate of a trusted authority
    #[arg(long, help_heading = TRUST)]
    pub require_certificate: bool,
    /// Ask clients for a certificate, and serve them even if it is not trusted: anyone can be anyone
    #[arg(long, help_heading = TRUST)]
    pub accept_untrusted: bool,
    /// Trust the authorities in this PEM file for clients instead of the system's
    #[arg(long, value_name = "FILE", help_heading = TRUST)]
    pub ca_file: Option<PathBuf>,

    #[command(flatten)]
    pub protocol: Protocol,

    /// Send back every message that arrives
    #[arg(long, help_heading = MESSAGES)]
    pub echo: bool,
    /// Send lines of the standard input with their line break, as openssl and nc do
    #[arg(long, help_heading = MESSAGES)]
    pub newline: bool,
    /// Write messages exactly as they arrive, without a line break after each
    #[arg(long, conflicts_with = "json", help_heading = MESSAGES)]
    pub raw: bool,
}

#[derive(Args, Debug)]
pub struct Show {
    /// A file with certificates, keys or both: PEM, DER or PKCS #12
    pub file: PathBuf,
    /// Verify against the authorities in this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Verify that the first certificate is for this name or address
    #[arg(long, value_name = "NAME")]
    pub identity: Option<String>,
    /// The first line of this file opens a PKCS #12 container or an encrypted key
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// What this side proves itself with.
#[derive(Args, Debug)]
#[command(next_help_heading = CREDENTIALS)]
pub struct Credentials {
    /// Our certificate, with its issuers: PEM, DER or PKCS #12; may contain the key
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// The certificate's private key, PEM or DER
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// The first line of this file opens the PKCS #12 container of --certificate
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub password_file: Option<PathBuf>,
}

/// What is negotiated.
#[derive(Args, Debug)]
#[command(next_help_heading = PROTOCOL)]
pub struct Protocol {
    /// Application protocols to offer by ALPN, best first, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = protocol_name)]
    pub alpn: Vec<String>,
    /// Profiles of SRTP to negotiate keys for, best first, separated by commas; the keys are not shown
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub srtp: Vec<String>,
    /// Append the session's secrets to this file, for Wireshark: who has it can read the session
    #[arg(long, value_name = "FILE")]
    pub keylog: Option<PathBuf>,
    /// The oldest version to speak
    #[arg(long, value_name = "VERSION")]
    pub min_version: Option<Version>,
    /// The newest version to speak
    #[arg(long, value_name = "VERSION")]
    pub max_version: Option<Version>,
    /// The cipher suites, best first, in OpenSSL's syntax
    #[arg(long, value_name = "LIST")]
    pub ciphers: Option<String>,
    /// The groups of key exchange, best first, separated by colons
    #[arg(long, value_name = "LIST")]
    pub groups: Option<String>,
    /// The signature algorithms, best first, separated by colons
    #[arg(long, value_name = "LIST")]
    pub signatures: Option<String>,
    /// Datagrams of the handshake have at most so many bytes [default: as the network says, or 1400]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(256..=65_507))]
    pub mtu: Option<u32>,
    /// Repeat the first flight of the handshake after so many milliseconds without an answer
    #[arg(long, value_name = "MILLISECONDS",
        value_parser = clap::value_parser!(u16).range(1..=60_000))]
    pub initial_timeout: Option<u16>,
}

/// A version of DTLS.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Version {
    #[value(name = "1.2")]
    Dtls12,
}

const CREDENTIALS: &str = "Credentials";
const PROTOCOL: &str = "Protocol";
const TRUST: &str = "Trust";
const MESSAGES: &str = "Messages";

/// Seconds with or without a fraction, up to thirty days: GLib counts milliseconds in 32 bits.
fn seconds(text: &str) -> Result<Duration, String> {
    const LONGEST: f64 = 30.0 * 24.0 * 60.0 * 60.0;
    match text.parse::<f64>() {
        Ok(number) if (0.0..=LONGEST).contains(&number) => Ok(Duration::from_secs_f64(number)),
        _ => Err("not a number of seconds, up to thirty days".into()),
    }
}

/// The name of an application protocol (RFC 7301, section 3.1).
fn protocol_name(text: &str) -> Result<String, String> {
    match text.len() {
        1..=255 => Ok(text.into()),
        _ => Err("a protocol's name has 1 to 255 bytes".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn seconds_are_numbers_of_a_sensible_size() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for text in ["", "-1", "x", "inf", "NaN", "1e7"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
