//! Sizes on the command line.

/// Parses a size in the units of PostgreSQL's settings: `512MB`, `2 GB`; without a unit, bytes. 1 kB is 1024
/// bytes.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let power = match unit.trim_start() {
        "" | "B" => 0,
        "kB" => 1,
        "MB" => 2,
        "GB" => 3,
        "TB" => 4,
        _ => return Err("a size is a whole number with one of the units B, kB, MB, GB, TB".to_owned()),
    };
    let number: u64 =
        number.parse().map_err(|_| "a size starts with a whole number, as in 64MB".to_owned())?;
    number.checked_mul(1024_u64.pow(power)).ok_or_else(|| "the size is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes_have_the_units_of_postgresqls_settings() {
        let read = ["0", "12B", "8kB", "64 MB", "1GB", "2TB"].map(|text| parse_size(text).unwrap());
        assert_eq!(read, [0, 12, 8192, 64 << 20, 1 << 30, 2 << 40]);
        for wrong in ["", "MB", "1.5GB", "-1", "3 miles", "99999999999999TB"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
