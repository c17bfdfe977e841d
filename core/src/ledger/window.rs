//! The store's time, and the UTC days and months that budgets are counted in. No time zone and no leap
//! second: Unix time, in whole microseconds.

use std::time::Duration;

const MICROS_IN_MILLI: u64 = 1_000;
const MICROS_IN_SECOND: u64 = 1_000_000;
const MICROS_IN_HOUR: u64 = 3_600 * MICROS_IN_SECOND;
const MICROS_IN_DAY: u64 = 24 * MICROS_IN_HOUR;

/// A moment by the store's clock: microseconds since the Unix epoch. Exact in a Lua number until 2255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreTime(pub u64);

impl StoreTime {
    pub fn from_unix(unix: Duration) -> StoreTime {
        StoreTime(u64::try_from(unix.as_micros()).unwrap_or(u64::MAX))
    }

    pub fn from_millis(millis: u64) -> StoreTime {
        StoreTime(millis.saturating_mul(MICROS_IN_MILLI))
    }

    /// Rounded down.
    pub fn as_millis(self) -> u64 {
        self.0 / MICROS_IN_MILLI
    }

    #[must_use]
    pub fn plus(self, time: Duration) -> StoreTime {
        StoreTime(self.0.saturating_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; nothing where it is before.
    pub fn since(self, earlier: StoreTime) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    pub fn day(self) -> Day {
        Day(u32::try_from(self.0 / MICROS_IN_DAY).unwrap_or(u32::MAX))
    }

    pub fn month(self) -> Month {
        self.day().month()
    }

    pub fn hour(self) -> Hour {
        Hour(u32::try_from(self.0 / MICROS_IN_HOUR).unwrap_or(u32::MAX))
    }
}

/// A UTC day: days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u32);

/// A UTC calendar month: months since January 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(pub u32);

/// A UTC hour: hours since 1970-01-01T00:00.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(pub u32);

/// The two windows that a reservation counts in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Windows {
    pub day: Day,
    pub month: Month,
}

impl Windows {
    pub fn at(time: StoreTime) -> Windows {
        Windows { day: time.day(), month: time.month() }
    }
}

impl Day {
    pub fn start(self) -> StoreTime {
        StoreTime(u64::from(self.0).saturating_mul(MICROS_IN_DAY))
    }

    /// The first moment that is no longer in it.
    pub fn end(self) -> StoreTime {
        Day(self.0.saturating_add(1)).start()
    }

    /// The Gregorian calendar, counted in years that begin on 1 March, so that a leap day is the last
    /// day of its year; an era is the 400 years after which the calendar repeats (146,097 days).
    pub fn month(self) -> Month {
        let days = u64::from(self.0) + 719_468; // days from 0000-03-01 to 1970-01-01
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let months = (era * 400 + year_of_era) * 12 + march_month + 2; // since January of year 0
        Month(u32::try_from(months - 1_970 * 12).unwrap_or(u32::MAX))
    }
}

impl Month {
    pub fn start(self) -> StoreTime {
        self.first_day().start()
    }

    /// The first moment that is no longer in it.
    pub fn end(self) -> StoreTime {
        Month(self.0.saturating_add(1)).start()
    }

    fn first_day(self) -> Day {
        let months = u64::from(self.0) + 1_970 * 12 - 2; // since March of year 0
        let (year, month) = (months / 12, months % 12);
        let day_of_year = (153 * month + 2) / 5;
        let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
        Day(u32::try_from(days - 719_468).unwrap_or(u32::MAX))
    }
}

impl Hour {
    pub fn start(self) -> StoreTime {
        StoreTime(u64::from(self.0).saturating_mul(MICROS_IN_HOUR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> StoreTime {
        StoreTime(seconds * MICROS_IN_SECOND)
    }

    #[test]
    fn months_begin_and_end_where_the_calendar_says() {
        // Seconds by `date -u -d … +%s`.
        for (case, start, end, month) in [
            ("January 1970", 0, 2_678_400, 0),
            ("February of a leap year", 1_706_745_600, 1_709_251_200, 54 * 12 + 1),
            ("February of a common year", 1_738_368_000, 1_740_787_200, 55 * 12 + 1),
            ("December", 1_764_547_200, 1_767_225_600, 55 * 12 + 11),
            ("February 2100 is common", 4_105_123_200, 4_107_542_400, 130 * 12 + 1),
        ] {
            let month = Month(month);
            assert_eq!((month.start(), month.end()), (at(start), at(end)), "{case}");
            assert_eq!(at(start).month(), month, "{case}, its first moment");
            assert_eq!(StoreTime(at(end).0 - 1).month(), month, "{case}, its last moment");
        }
    }

    #[test]
    fn every_day_lies_in_its_month() {
        for day in (0..150_000).map(Day) {
            let month = day.month();
            assert!(month.start() <= day.start() && day.end() <= month.end(), "{day:?} in {month:?}");
        }
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        let windows = Windows::at(StoreTime(u64::MAX));
        assert!(windows.day.end() >= windows.day.start());
        assert!(Month(u32::MAX).end() >= Month(0).start());
        assert_eq!(StoreTime::from_unix(Duration::MAX), StoreTime(u64::MAX));
    }
}
