//! One pass over a text: it finds the places where something could stand, and hands each to the recognizers
//! that know such a place. Most text is passed by without a call.

use super::seek::seek;
use crate::recognizers::numbers::Numbers;
use crate::recognizers::{
    Begins, Recognizers, bank, birth, card, crypto, email, iban, ip, mac, passport, phone, ssn,
};
use gateway_core::finding::Finding;

pub(super) fn walk(text: &str, recognizers: &Recognizers, found: &mut Vec<Finding>) {
    recognizers.secrets.find(text, found);
    recognizers.triggers.find(text, |word, hit| match word.begins {
        Begins::Spelled => recognizers.spelled.at(text, &hit, found),
        Begins::Birth => recognizers.birth.at(text, &hit, found),
    });
    email::find(text, found);
    groups(text, recognizers, found);
}

/// Each run of letters and digits with a digit in it.
fn groups(text: &str, recognizers: &Recognizers, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let (mut at, mut numbers_end) = (0, 0);
    while let Some(step) = seek(&bytes[at..], |byte| byte.is_ascii_digit()) {
        let digit = at + step;
        let alnum = |byte: &&u8| byte.is_ascii_alphanumeric();
        let start = digit - bytes[at..digit].iter().rev().take_while(alnum).count();
        let end = digit + bytes[digit..].iter().take_while(alnum).count();
        at = end;
        let group = start..end;
        recognizers.nationals.find(text, group.clone(), found);
        if bytes[start..end].iter().all(u8::is_ascii_digit) {
            if start >= numbers_end {
                let numbers = Numbers::new(text, group.clone());
                numbers_end = numbers.end();
                number(&numbers, recognizers, found);
            }
        } else {
            iban::find(text, &group, found);
            crypto::find(text, &group, found);
        }
        mac::find(text, &group, found);
        ip::find_v6(text, &group, found);
    }
}

/// What a row of numbers may be, the surest first; what one takes the next ones leave.
fn number(numbers: &Numbers<'_>, recognizers: &Recognizers, found: &mut Vec<Finding>) {
    let mut numbers = numbers.clone();
    ip::find_v4(&mut numbers, found);
    card::find(&mut numbers, recognizers, found);
    passport::find(&mut numbers, recognizers, found);
    ssn::find(&mut numbers, recognizers, found);
    bank::find(&mut numbers, recognizers, found);
    birth::leave_dates(&mut numbers);
    phone::find(&mut numbers, recognizers, found);
}
