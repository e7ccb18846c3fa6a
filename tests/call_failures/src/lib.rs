//! What OpenSSL's functions return when they fail: `fallible.txt`.

/// A function, or one command of a function that has many.
pub struct Fallible {
    /// `SSL_new`, or `SSL_ctrl(74)`.
    pub name: &'static str,
    /// What it returns on failure, one after the other.
    pub values: Vec<isize>,
    /// Whether it leaves a reason in OpenSSL's queue: sometimes, unless the table says what it always does.
    pub explains: Vec<bool>,
    /// Why a work may succeed although this has failed, if it may.
    pub excuse: Option<&'static str>,
}

impl Fallible {
    /// The function.
    pub fn symbol(&self) -> &'static str {
        self.name.split('(').next().unwrap_or(self.name)
    }
}

/// All that can fail.
pub fn fallible() -> Vec<Fallible> {
    let parse = |line: &'static str| {
        let (call, excuse) = match line.split_once(": ") {
            Some((call, excuse)) => (call, Some(excuse)),
            None => (line, None),
        };
        let mut words = call.split_ascii_whitespace();
        Fallible {
            name: words.next().unwrap_or_default(),
            explains: match call.rsplit(' ').next() {
                Some("aloud") => vec![true],
                Some("silently") => vec![false],
                _ => vec![false, true],
            },
            values: words.filter_map(|word| word.parse().ok()).collect(),
            excuse,
        }
    };
    lines(include_str!("../fallible.txt")).map(parse).collect()
}

/// What of [`fallible`] functions cannot fail: some commands.
pub fn infallible() -> impl Iterator<Item = &'static str> {
    lines(include_str!("../infallible.txt"))
}

/// Those that are not comments.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}
