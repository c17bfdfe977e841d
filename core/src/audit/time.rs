//! Moments as the trail writes them: RFC 3339 in UTC with milliseconds, `2026-11-24T09:30:00.125Z`.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

/// Milliseconds since the Unix epoch. Stops at the end of the year 9999, the last that the form can write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

const MS_PER_DAY: u64 = 86_400_000;
/// 9999-12-31T23:59:59.999Z.
const LAST: u64 = 253_402_300_799_999;

impl Time {
    pub const fn from_unix_millis(millis: u64) -> Time {
        Time(if millis > LAST { LAST } else { millis })
    }

    pub const fn unix_millis(self) -> u64 {
        self.0
    }

    pub const fn since_epoch(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// Days since the Unix epoch: two moments of one UTC day have the same.
    pub const fn day(self) -> u64 {
        self.0 / MS_PER_DAY
    }

    #[must_use]
    pub fn back(self, by: Duration) -> Time {
        Time(self.0.saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Reads exactly the form that is written.
    pub fn parse(text: &str) -> Option<Time> {
        let bytes = text.as_bytes();
        let number = |from: usize, to: usize| -> Option<u64> {
            let digits = bytes.get(from..to)?;
            let add = |sum: u64, byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0'));
            digits.iter().try_fold(0, add)
        };
        let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        if shape != "0000-00-00T00:00:00.000Z" {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second, millis) =
            (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?);
        let is_date = year >= 1970 && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
        if !is_date || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = (1970..year).map(days_of).sum::<u64>()
            + (1..month).map(|month| days_in(year, month)).sum::<u64>()
            + (day - 1);
        Some(Time(days * MS_PER_DAY + ((hour * 60 + minute) * 60 + second) * 1_000 + millis))
    }
}

impl From<Duration> for Time {
    /// A time since the Unix epoch, as clocks give it.
    fn from(unix: Duration) -> Time {
        Time::from_unix_millis(u64::try_from(unix.as_millis()).unwrap_or(u64::MAX))
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

fn days_of(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut day, ms) = (self.day(), self.0 % MS_PER_DAY);
        let (mut year, mut month) = (1970, 1);
        while day >= days_of(year) {
            day -= days_of(year);
            year += 1;
        }
        while day >= days_in(year, month) {
            day -= days_in(year, month);
            month += 1;
        }
        let (second, ms) = (ms / 1_000, ms % 1_000);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        // Twice in each record: formatting seven numbers one by one takes longer than all else in it.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (at, number) in
            [(0, year), (5, month), (8, day + 1), (11, hour), (14, minute), (17, second), (20, ms)]
        {
            let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let mut rest = number;
            for digit in text[at..at + digits].iter_mut().rev() {
                *digit = b"0123456789"[(rest % 10) as usize];
                rest /= 10;
            }
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        Time::parse(&text).ok_or_else(|| de::Error::custom("not a time in UTC with milliseconds"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        // date -u -d @SECONDS +%FT%TZ
        for (millis, want) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_795_512_600_125, "2026-11-24T09:30:00.125Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (LAST, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Time::from_unix_millis(millis).to_string(), want);
        }
    }

    #[test]
    fn what_is_no_moment_is_not_read() {
        for text in [
            "",
            "2026-11-24",
            "2026-11-24T09:30:00Z",
            "2026-11-24T09:30:00.125+01:00",
            "2026-02-29T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-11-24T24:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
            "2026-11-24T09:30:00.125Zx",
            "２０２６-11-24T09:30:00.125Z",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(millis in 0..=LAST) {
            let time = Time::from_unix_millis(millis);
            prop_assert_eq!(Time::parse(&time.to_string()), Some(time));
        }
    }
}
