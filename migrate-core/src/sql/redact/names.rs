//! Names that denote secrets.

/// The stems of names that denote secrets, in lowercase without underscores.
const STEMS: [&str; 14] = [
    "password",
    "passwd",
    "pwd",
    "passfile",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "credential",
    "apikey",
    "privatekey",
    "accesskey",
    "signingkey",
    "encryptionkey",
];

/// Words after a stem that turn it into a property of a secret: `token_type`, `password_encryption`,
/// `token_count`. They are spelled without underscores.
const ABOUT: [&str; 31] = [
    "type",
    "kind",
    "count",
    "limit",
    "length",
    "len",
    "size",
    "status",
    "state",
    "at",
    "expiry",
    "expires",
    "expired",
    "expiration",
    "expiresin",
    "ttl",
    "policy",
    "version",
    "algorithm",
    "algo",
    "attempts",
    "usage",
    "required",
    "enabled",
    "changed",
    "encryption",
    "format",
    "scheme",
    "price",
    "cost",
    "izer",
];

/// Functions that take a key, a password or a text to encrypt.
const SECRET_FUNCTIONS: [&str; 8] = [
    "crypt",
    "hmac",
    "encrypt",
    "decrypt",
    "encrypt_iv",
    "decrypt_iv",
    "pgp_pub_decrypt",
    "pgp_pub_decrypt_bytea",
];

/// Functions that take a name followed by its value.
const NAMING_FUNCTIONS: [&str; 8] = [
    "set_config",
    "json_build_object",
    "jsonb_build_object",
    "json_object",
    "jsonb_object",
    "jsonb_set",
    "jsonb_insert",
    "hstore",
];

/// Fragments of which a text contains at least one if any rule might apply to it.
const FRAGMENTS: [&str; 13] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "credential",
    "key",
    "crypt",
    "hmac",
    "pgp_",
    "connection",
    "program",
    "://",
    // A name whose letters may be escaped.
    "u&\"",
];

/// Returns true if a text might contain or mention a secret: a quick check that spares most texts a closer
/// one.
pub(super) fn is_suspect(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    FRAGMENTS.iter().any(|fragment| lower.contains(fragment))
}

/// Returns true if a name, or a string that is one, denotes a secret.
pub(super) fn speaks_of_secret(name: &str) -> bool {
    if !is_suspect(name) {
        return false;
    }
    let plain = plain(name);
    let last = STEMS
        .iter()
        .filter_map(|stem| plain.rfind(stem).map(|at| &plain[at + stem.len()..]))
        .min_by_key(|rest| rest.len());
    last.is_some_and(|rest| !is_about(rest))
}

/// Returns true if the rest of a name after its stem shows that the name does not denote the secret itself.
fn is_about(rest: &str) -> bool {
    let rest = rest.strip_prefix('s').unwrap_or(rest);
    let is_time = rest.strip_suffix("at").is_some_and(|rest| rest.ends_with("ed") || rest.ends_with('s'));
    ABOUT.contains(&rest) || is_time || rest.starts_with("iz")
}

/// Returns true if a name denotes one secret or several: `user_password`, `api_tokens`, but not
/// `token_count`.
pub(super) fn names_secret(name: &str) -> bool {
    if !is_suspect(name) {
        return false;
    }
    let plain = plain(name);
    let singular = plain.strip_suffix('s').unwrap_or(&plain);
    STEMS.iter().any(|stem| plain.ends_with(stem) || singular.ends_with(stem))
}

/// Does the same for a single secret: `max_tokens` may well be a number.
pub(super) fn names_one_secret(name: &str) -> bool {
    let plain = plain(name);
    STEMS.iter().any(|stem| plain.ends_with(stem))
}

/// Returns true if a string consists only of a name that denotes a secret, possibly as part of a path.
pub(super) fn is_secret_name(string: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "_-.{}$[],\"".contains(c);
    !string.is_empty()
        && string.len() <= 128
        && string.chars().all(is_part)
        && names_secret(string.trim_end_matches(['}', '"', ']']))
}

/// Returns true if a function takes a key or a secret, whatever the names of its arguments.
pub(super) fn takes_secret(function: &str) -> bool {
    let name = function.to_ascii_lowercase();
    name.starts_with("pgp_sym_") || SECRET_FUNCTIONS.contains(&name.as_str())
}

/// Returns true if a function takes names with their values.
pub(super) fn takes_names(function: &str) -> bool {
    NAMING_FUNCTIONS.iter().any(|name| function.eq_ignore_ascii_case(name))
}

/// A name in lowercase, without quotes and word separators.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | '"')).flat_map(char::to_lowercase).collect()
}

/// The start and the end of each stem in a text, including spellings with an underscore.
pub(super) fn stems(text: &str) -> Vec<(usize, usize)> {
    if !is_suspect(text) {
        return Vec::new();
    }
    let lower = text.to_ascii_lowercase();
    let spellings = STEMS.iter().flat_map(|stem| {
        let parted =
            stem.strip_suffix("key").filter(|first| !first.is_empty()).map(|first| format!("{first}_key"));
        std::iter::once((*stem).to_owned()).chain(parted)
    });
    spellings
        .flat_map(|stem| lower.match_indices(&stem).map(|(at, _)| (at, at + stem.len())).collect::<Vec<_>>())
        .collect()
}
