//! Money in integers: amounts in nano-USD, prices in pico-USD. No float touches either; what does not
//! fit stops at the largest value instead of wrapping round.

#![deny(
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

/// An amount in billionths of a dollar. Prints and serialises with all nine decimals, `0.000012345`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NanoUsd(pub i64);

/// The price of one token in millionths of a millionth of a dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PicoUsdPerToken(pub u64);

/// Why a text is no amount or price. The place that knows the field adds its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("write US dollars as plain decimal digits, like \"2.50\"")]
    NotDecimal,
    #[error("at most nine decimals are kept: write fewer")]
    TooFine,
    #[error("that is more than this field can hold: write a smaller number")]
    TooLarge,
}

const NANO_DECIMALS: usize = 9;
const PICO_DECIMALS: usize = 12;
/// A price per million tokens has six decimals fewer to go.
const MILLION_DECIMALS: usize = 6;
const NANO_IN_USD: u64 = 1_000_000_000;
const PICO_IN_NANO: u128 = 1_000;

impl NanoUsd {
    pub const ZERO: NanoUsd = NanoUsd(0);

    /// Reads decimal USD, `12.5`. An amount is never negative when it is written by a person, and never
    /// rounded.
    pub fn parse(usd: &str) -> Result<NanoUsd, MoneyError> {
        let scaled = Scaled::read(usd, NANO_DECIMALS)?;
        if scaled.cut_something {
            return Err(MoneyError::TooFine);
        }
        i64::try_from(scaled.units).map(NanoUsd).map_err(|_| MoneyError::TooLarge)
    }

    /// Pico-USD to an amount, rounded up.
    pub fn from_pico(pico: u128) -> NanoUsd {
        NanoUsd(i64::try_from(pico.div_ceil(PICO_IN_NANO)).unwrap_or(i64::MAX))
    }

    #[must_use]
    pub fn saturating_add(self, more: NanoUsd) -> NanoUsd {
        NanoUsd(self.0.saturating_add(more.0))
    }
}

impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nano = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:0width$}", nano / NANO_IN_USD, nano % NANO_IN_USD, width = NANO_DECIMALS)
    }
}

/// An exact JSON number with nine decimals. Only `serde_json` writes it as such, and none other is in use.
impl Serialize for NanoUsd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// Reads the number as it was written, without a float in between; none that is negative.
impl<'de> Deserialize<'de> for NanoUsd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NanoUsd, D::Error> {
        let number = Box::<RawValue>::deserialize(deserializer)?;
        NanoUsd::parse(number.get()).map_err(D::Error::custom)
    }
}

impl PicoUsdPerToken {
    /// Reads decimal USD per token, `0.0000025`; what is finer than a pico-USD is rounded up.
    pub fn parse_per_token(usd: &str) -> Result<PicoUsdPerToken, MoneyError> {
        PicoUsdPerToken::parse(usd, PICO_DECIMALS)
    }

    /// Reads decimal USD per million tokens, `2.50`; what is finer than a pico-USD a token is rounded up.
    pub fn parse_per_million(usd: &str) -> Result<PicoUsdPerToken, MoneyError> {
        PicoUsdPerToken::parse(usd, MILLION_DECIMALS)
    }

    fn parse(usd: &str, decimals: usize) -> Result<PicoUsdPerToken, MoneyError> {
        let scaled = Scaled::read(usd, decimals)?;
        let units = scaled.units.checked_add(u64::from(scaled.cut_something)).ok_or(MoneyError::TooLarge)?;
        Ok(PicoUsdPerToken(units))
    }

    /// This price times a factor in thousandths (1,100 = a tenth more), rounded up.
    #[must_use]
    pub fn times(self, thousandths: u32) -> PicoUsdPerToken {
        let scaled = (u128::from(self.0) * u128::from(thousandths)).div_ceil(1_000);
        PicoUsdPerToken(u64::try_from(scaled).unwrap_or(u64::MAX))
    }
}

/// A decimal number as a whole count of its smallest unit.
struct Scaled {
    units: u64,
    /// Digits other than zero stood beyond the smallest unit.
    cut_something: bool,
}

impl Scaled {
    /// Digits, then perhaps a point and digits: no sign, exponent, blank or separator.
    fn read(text: &str, decimals: usize) -> Result<Scaled, MoneyError> {
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(MoneyError::NotDecimal),
            Some(parts) => parts,
            None => (text, ""),
        };
        let is_digits = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return Err(MoneyError::NotDecimal);
        }
        let (kept, cut) = fraction.split_at(fraction.len().min(decimals));
        let padding = std::iter::repeat_n(b'0', decimals - kept.len());
        let units = whole
            .bytes()
            .chain(kept.bytes())
            .chain(padding)
            .try_fold(0u64, |units, digit| units.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
        Ok(Scaled {
            units: units.ok_or(MoneyError::TooLarge)?,
            cut_something: cut.bytes().any(|digit| digit != b'0'),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        for (text, want) in [
            ("0", Ok(0)),
            ("12", Ok(12_000_000_000)),
            ("0.000012345", Ok(12_345)),
            ("2.50", Ok(2_500_000_000)),
            ("1.0000000000", Ok(1_000_000_000)),
            ("9223372036.854775807", Ok(i64::MAX)),
            ("9223372036.854775808", Err(MoneyError::TooLarge)),
            ("99999999999999999999", Err(MoneyError::TooLarge)),
            ("0.0000000001", Err(MoneyError::TooFine)),
            ("", Err(MoneyError::NotDecimal)),
            (".5", Err(MoneyError::NotDecimal)),
            ("5.", Err(MoneyError::NotDecimal)),
            ("-1", Err(MoneyError::NotDecimal)),
            ("+1", Err(MoneyError::NotDecimal)),
            ("1e3", Err(MoneyError::NotDecimal)),
            ("1 000", Err(MoneyError::NotDecimal)),
            ("1_000", Err(MoneyError::NotDecimal)),
            ("1.2.3", Err(MoneyError::NotDecimal)),
            ("١", Err(MoneyError::NotDecimal)),
        ] {
            assert_eq!(NanoUsd::parse(text), want.map(NanoUsd), "{text}");
        }
    }

    #[test]
    fn prices_round_up_where_they_are_finer_than_the_unit() {
        for (case, read, want) in [
            ("a token", PicoUsdPerToken::parse_per_token("0.000005"), Ok(5_000_000)),
            ("twelve decimals", PicoUsdPerToken::parse_per_token("0.000000137501"), Ok(137_501)),
            ("thirteen", PicoUsdPerToken::parse_per_token("0.0000001375011"), Ok(137_502)),
            ("thirteen, the last a zero", PicoUsdPerToken::parse_per_token("0.0000001375010"), Ok(137_501)),
            ("a million", PicoUsdPerToken::parse_per_million("5.00"), Ok(5_000_000)),
            ("a million, six decimals", PicoUsdPerToken::parse_per_million("0.137501"), Ok(137_501)),
            ("a million, seven", PicoUsdPerToken::parse_per_million("0.1375001"), Ok(137_501)),
            ("too large", PicoUsdPerToken::parse_per_token("18446745"), Err(MoneyError::TooLarge)),
            ("not a number", PicoUsdPerToken::parse_per_million("five"), Err(MoneyError::NotDecimal)),
        ] {
            assert_eq!(read, want.map(PicoUsdPerToken), "{case}");
        }
    }

    #[test]
    fn amounts_print_with_nine_decimals_and_serialise_the_same() {
        for (nano, want) in [
            (0, "0.000000000"),
            (12_345, "0.000012345"),
            (10_000_000_000, "10.000000000"),
            (-1, "-0.000000001"),
            (i64::MAX, "9223372036.854775807"),
            (i64::MIN, "-9223372036.854775808"),
        ] {
            assert_eq!(NanoUsd(nano).to_string(), want);
            assert_eq!(serde_json::to_string(&NanoUsd(nano)).unwrap(), want);
        }
    }

    #[test]
    fn pico_round_up_and_stop_at_the_largest() {
        for (pico, want) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (u128::MAX, i64::MAX)] {
            assert_eq!(NanoUsd::from_pico(pico), NanoUsd(want), "{pico}");
        }
        assert_eq!(PicoUsdPerToken(5).times(1_100), PicoUsdPerToken(6));
        assert_eq!(PicoUsdPerToken(u64::MAX).times(2_000), PicoUsdPerToken(u64::MAX));
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(nano in 0..=i64::MAX) {
            let printed = NanoUsd(nano).to_string();
            prop_assert_eq!(NanoUsd::parse(&printed), Ok(NanoUsd(nano)));
            prop_assert_eq!(serde_json::from_str::<NanoUsd>(&printed).unwrap(), NanoUsd(nano));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = NanoUsd::parse(&text);
            let _ = PicoUsdPerToken::parse_per_token(&text);
        }
    }
}
