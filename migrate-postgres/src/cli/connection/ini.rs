//! The files of libpq: `pg_service.conf` and `.pgpass`. Text in, values out.

/// The settings of a service in the text of a `pg_service.conf`; none if it is missing.
///
/// Source: <https://www.postgresql.org/docs/current/libpq-pgservice.html>.
pub(super) fn service(text: &str, name: &str) -> Option<Vec<(String, String)>> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let header = format!("[{name}]");
    lines.find(|line| **line == header)?;
    let settings = lines.take_while(|line| !line.starts_with('['));
    Some(settings.filter_map(|line| line.split_once('=')).map(trimmed).collect())
}

fn trimmed((key, value): (&str, &str)) -> (String, String) {
    (key.trim().to_owned(), value.trim().to_owned())
}

/// The login that needs a password.
#[derive(Clone, Copy, Debug)]
pub(super) struct Login<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// The password in the text of a `.pgpass`, from the first matching line.
///
/// Source: <https://www.postgresql.org/docs/current/libpq-pgpass.html>.
pub(super) fn password(text: &str, login: Login<'_>) -> Option<String> {
    let port = login.port.to_string();
    let wanted = [login.host, &port, login.database, login.user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [patterns @ .., password] = fields.as_slice() else { return None };
        let fits = patterns.len() == wanted.len()
            && patterns.iter().zip(wanted).all(|(pattern, wanted)| pattern == "*" || pattern == wanted);
        fits.then(|| password.clone())
    })
}

/// The fields of a line, separated by colons; `\` escapes a colon or a backslash.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ':' if fields.len() < 5 => fields.push(String::new()),
            '\\' => fields.last_mut().expect("never empty").extend(characters.next()),
            character => fields.last_mut().expect("never empty").push(character),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICES: &str =
        "# ours\n[app]\nhost = db.example\nport=6432\n\n[other]\nhost=elsewhere\nuser=o=o\n";

    #[test]
    fn a_service_has_the_lines_below_its_name_and_none_of_the_next() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(service(SERVICES, "app").unwrap(), [pair("host", "db.example"), pair("port", "6432")]);
        assert_eq!(service(SERVICES, "other").unwrap()[1], pair("user", "o=o"));
        assert_eq!(service(SERVICES, "ours"), None);
    }

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let text = "# c\nh:5432:db:me:one\n*:*:*:me:t\\:w\\\\o:x\nbroken\n*:*:*:*:last";
        let login = |host, user| Login { host, port: 5432, database: "db", user };
        assert_eq!(password(text, login("h", "me")).as_deref(), Some("one"));
        assert_eq!(password(text, login("i", "me")).as_deref(), Some("t:w\\o:x"));
        assert_eq!(password(text, login("i", "you")).as_deref(), Some("last"));
        assert_eq!(password("h:1:db:me", login("h", "me")), None);
    }
}
