//! One team's books: balances, reservations, buckets, counters. Every change goes through a method here
//! that also notes it, so that a store knows what to write.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::answer::Window;
use super::limits::Override;
use super::op::{AFTER_MONTH, LEASE, MESSAGE_LIFE, ReservationId};
use super::rate::{Bucket, MINUTE};
use super::tally::{Counter, Route, TAG_VALUES_A_DAY, Tag, Tally, USAGE_KEPT};
use super::window::{Day, Hour, StoreTime, Windows};
use crate::ids::{KeyId, TagName, TagValue};
use crate::money::NanoUsd;

/// Markers past their time that one step clears away: more than one step can leave behind.
const PURGED_A_STEP: usize = 8;
/// A window's account outlives whatever may still be settled into it.
const DAYS_KEPT: u32 = 40;
const MONTHS_KEPT: u32 = 2;
/// A key's buckets that ran empty are kept so long: a clock that steps back finds them as they were, on Redis too.
const EMPTY_KEPT: Duration = MINUTE.saturating_mul(3);

/// The books of one team. [`super::step`] is the only way to move them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Team {
    pub(super) word: Option<Override>,
    accounts: BTreeMap<Window, Account>,
    entries: BTreeMap<ReservationId, Entry>,
    /// Open reservations by the end of their lease.
    leases: BTreeSet<(StoreTime, ReservationId)>,
    /// Reaped and not yet recorded.
    unrecorded: BTreeSet<ReservationId>,
    /// Entries that may be forgotten, by when.
    expiries: BTreeSet<(StoreTime, ReservationId)>,
    pace: Pace,
    keys: BTreeMap<KeyId, Pace>,
    usage: BTreeMap<(Hour, Route), Tally>,
    tagged: BTreeMap<(TagName, Hour), BTreeMap<(TagValue, Route), Tally>>,
    /// Follows from `tagged`: which values have a count of their own.
    values: BTreeMap<(TagName, Day), BTreeSet<TagValue>>,
    changes: Changes,
}

/// One window's money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub spent: NanoUsd,
    pub reserved: NanoUsd,
    /// How many of the alert thresholds were told.
    pub told: u8,
}

/// The buckets of a team or of a key, and its open reservations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    pub requests: Bucket,
    pub tokens: Bucket,
    pub open: u64,
}

/// What is known of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Open(Box<Open>),
    Reaped(Box<Reaped>),
    Closed { charge: NanoUsd, keep_until: StoreTime },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    pub hold: NanoUsd,
    pub tokens: u64,
    pub key: KeyId,
    pub route: Route,
    pub granted_at: StoreTime,
    pub lease_until: StoreTime,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaped {
    pub charge: NanoUsd,
    pub key: KeyId,
    pub route: Route,
    pub granted_at: StoreTime,
    pub recorded: bool,
    pub keep_until: StoreTime,
}

/// What steps have moved since a store last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub word: bool,
    pub windows: BTreeSet<Window>,
    pub entries: BTreeSet<ReservationId>,
    /// `None`: the team's own.
    pub paces: BTreeSet<Option<KeyId>>,
    pub usage: BTreeSet<(Hour, Route, Counter)>,
    pub tagged: BTreeSet<TaggedCounter>,
    /// Usage, by tag too, before this hour is gone.
    pub usage_before: Option<Hour>,
}

/// One counter of an hour, a tag's value and a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaggedCounter {
    pub hour: Hour,
    pub tag: Tag,
    pub route: Route,
    pub counter: Counter,
}

impl Entry {
    /// `None`: it stays until something happens to it.
    pub fn keep_until(&self) -> Option<StoreTime> {
        match self {
            Entry::Open(_) => None,
            Entry::Reaped(reaped) => reaped.recorded.then_some(reaped.keep_until),
            Entry::Closed { keep_until, .. } => Some(*keep_until),
        }
    }
}

/// Until when a reaped id, or one served without the store, can be settled.
pub(super) fn settled_until(windows: Windows, id: ReservationId) -> StoreTime {
    windows.month.end().plus(AFTER_MONTH).max(id.made_at().plus(MESSAGE_LIFE))
}

impl Team {
    /// `None` also where it is past its time.
    pub fn entry(&self, id: ReservationId, now: StoreTime) -> Option<&Entry> {
        self.entries.get(&id).filter(|entry| entry.keep_until().is_none_or(|until| until > now))
    }

    /// Takes the place of what was known of that id, in all indexes and accounts.
    pub fn put(&mut self, id: ReservationId, entry: Entry) {
        self.forget(id);
        match &entry {
            Entry::Open(open) => {
                self.leases.insert((open.lease_until, id));
                self.hold(Windows::at(open.granted_at), open.hold.0);
                self.pace_mut(None).open += 1;
                self.pace_mut(Some(&open.key)).open += 1;
            }
            Entry::Reaped(reaped) if !reaped.recorded => {
                self.unrecorded.insert(id);
            }
            Entry::Reaped(_) | Entry::Closed { .. } => {}
        }
        self.expiries.extend(entry.keep_until().map(|until| (until, id)));
        self.entries.insert(id, entry);
    }

    pub(super) fn forget(&mut self, id: ReservationId) {
        self.changes.entries.insert(id);
        let Some(old) = self.entries.remove(&id) else { return };
        match &old {
            Entry::Open(open) => {
                self.leases.remove(&(open.lease_until, id));
                self.hold(Windows::at(open.granted_at), -open.hold.0);
                let team = self.pace_mut(None);
                team.open = team.open.saturating_sub(1);
                let key = self.pace_mut(Some(&open.key));
                key.open = key.open.saturating_sub(1);
            }
            Entry::Reaped(_) => {
                self.unrecorded.remove(&id);
            }
            Entry::Closed { .. } => {}
        }
        if let Some(until) = old.keep_until() {
            self.expiries.remove(&(until, id));
        }
    }

    /// Forgets some of what is past its time.
    pub(super) fn purge(&mut self, now: StoreTime) {
        let past: Vec<_> = self.expiries.range(..=(now, ReservationId::LAST)).take(PURGED_A_STEP).collect();
        let past: Vec<_> = past.into_iter().map(|(_, id)| *id).collect();
        past.into_iter().for_each(|id| self.forget(id));
    }

    /// Old windows, old counters and buckets that ran empty.
    pub(super) fn sweep(&mut self, now: StoreTime) {
        let (day, month) = (now.day().0.saturating_sub(DAYS_KEPT), now.month().0.saturating_sub(MONTHS_KEPT));
        let changes = &mut self.changes;
        self.accounts.retain(|window, account| {
            let old = match window {
                Window::Day(kept) => kept.0 < day,
                Window::Month(kept) => kept.0 < month,
            };
            let goes = old && account.reserved == NanoUsd::ZERO;
            if goes {
                changes.windows.insert(*window);
            }
            !goes
        });
        self.keys.retain(|key, pace| {
            let empty_at = pace.requests.empty_at.max(pace.tokens.empty_at);
            let goes = pace.open == 0 && empty_at.plus(EMPTY_KEPT) <= now;
            if goes {
                changes.paces.insert(Some(key.clone()));
            }
            !goes
        });
        let kept = StoreTime(now.0.saturating_sub(StoreTime::from_unix(USAGE_KEPT).0)).hour();
        if self.usage.first_key_value().is_some_and(|((hour, _), _)| *hour < kept) {
            self.usage.retain(|(hour, _), _| *hour >= kept);
            // Whatever is counted by tag is counted without it too.
            self.tagged.retain(|(_, hour), _| *hour >= kept);
            self.values.retain(|(_, day), _| day.end() > kept.start());
            changes.usage_before = Some(kept);
        }
    }

    /// Ids whose lease is over, the longest past first.
    pub(super) fn expired(&self, now: StoreTime, most: usize) -> Vec<ReservationId> {
        self.leases.range(..=(now, ReservationId::LAST)).take(most).map(|(_, id)| *id).collect()
    }

    /// Leases that end later than any can that was given at `now`: the clock has stepped back.
    pub(super) fn overlong(&self, now: StoreTime, most: usize) -> Vec<ReservationId> {
        let longest = (now.plus(LEASE), ReservationId::LAST);
        self.leases.range(longest..).take(most).map(|(_, id)| *id).collect()
    }

    pub(super) fn unrecorded(&self, most: usize) -> Vec<(ReservationId, Reaped)> {
        let reaped = |id: &ReservationId| match self.entries.get(id) {
            Some(Entry::Reaped(reaped)) => Some((*id, Reaped::clone(reaped))),
            _ => None,
        };
        self.unrecorded.iter().filter_map(reaped).take(most).collect()
    }

    pub fn account(&self, window: Window) -> Account {
        self.accounts.get(&window).copied().unwrap_or_default()
    }

    fn account_mut(&mut self, window: Window) -> &mut Account {
        self.changes.windows.insert(window);
        self.accounts.entry(window).or_default()
    }

    fn hold(&mut self, windows: Windows, more: i64) {
        for window in windows.both() {
            let account = self.account_mut(window);
            account.reserved.0 = account.reserved.0.saturating_add(more);
        }
    }

    pub(super) fn charge(&mut self, windows: Windows, more: i64) {
        for window in windows.both() {
            let account = self.account_mut(window);
            account.spent.0 = account.spent.0.saturating_add(more);
        }
    }

    pub(super) fn tell(&mut self, window: Window, told: u8) {
        if self.account(window).told != told {
            self.account_mut(window).told = told;
        }
    }

    /// `None`: the team's own.
    pub fn pace(&self, key: Option<&KeyId>) -> Pace {
        key.map_or(self.pace, |key| self.keys.get(key).copied().unwrap_or_default())
    }

    pub(super) fn pace_mut(&mut self, key: Option<&KeyId>) -> &mut Pace {
        self.changes.paces.insert(key.cloned());
        match key {
            None => &mut self.pace,
            Some(key) => self.keys.entry(key.clone()).or_default(),
        }
    }

    pub(super) fn count(&mut self, hour: Hour, route: &Route, tally: &Tally) {
        let row = self.usage.entry((hour, route.clone())).or_default();
        for (counter, count) in tally.iter() {
            row.add(counter.clone(), count);
            self.changes.usage.insert((hour, route.clone(), counter.clone()));
        }
    }

    /// By each tag. A value that is new where a day has enough of them is another's.
    pub(super) fn count_tagged(&mut self, hour: Hour, tags: &[Tag], route: &Route, tally: &Tally) {
        let tally = tally.of_tag();
        if tally.is_empty() {
            return;
        }
        for Tag { name, value } in tags {
            let values = self.values.entry((name.clone(), hour.start().day())).or_default();
            let has_own = values.contains(value) || values.len() < TAG_VALUES_A_DAY;
            let value = if has_own { value.clone() } else { TagValue::other() };
            if has_own {
                values.insert(value.clone());
            }
            let rows = self.tagged.entry((name.clone(), hour)).or_default();
            rows.entry((value.clone(), route.clone())).or_default().merge(&tally);
            let tag = Tag { name: name.clone(), value };
            self.changes.tagged.extend(tally.iter().map(|(counter, _)| TaggedCounter {
                hour,
                tag: tag.clone(),
                route: route.clone(),
                counter: counter.clone(),
            }));
        }
    }

    pub(super) fn set_word(&mut self, word: Option<Override>) {
        self.word = word;
        self.changes.word = true;
    }

    pub(super) fn usage(&self, from: Hour, to: Hour) -> impl Iterator<Item = (Hour, &Route, &Tally)> {
        let rows = self.usage.iter().skip_while(move |((hour, _), _)| *hour < from);
        rows.take_while(move |((hour, _), _)| *hour <= to).map(|((hour, route), tally)| (*hour, route, tally))
    }

    pub(super) fn tagged(
        &self,
        tag: &TagName,
        from: Hour,
        to: Hour,
    ) -> impl Iterator<Item = (Hour, &TagValue, &Route, &Tally)> {
        let hours = self.tagged.range((tag.clone(), from)..=(tag.clone(), to));
        hours.flat_map(|((_, hour), rows)| {
            rows.iter().map(|((value, route), tally)| (*hour, value, route, tally))
        })
    }
}

/// For a store that keeps the books elsewhere: what to write, and how to read it back.
impl Team {
    /// What moved since the last call.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    pub fn word(&self) -> Option<Override> {
        self.word
    }

    /// Whatever is kept of that id, past its time or not.
    pub fn kept(&self, id: ReservationId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub fn kept_account(&self, window: Window) -> Option<Account> {
        self.accounts.get(&window).copied()
    }

    pub fn kept_pace(&self, key: Option<&KeyId>) -> Option<Pace> {
        key.map_or(Some(self.pace), |key| self.keys.get(key).copied())
    }

    pub fn counted(&self, hour: Hour, route: &Route, counter: &Counter) -> i64 {
        self.usage.get(&(hour, route.clone())).map_or(0, |tally| tally.get(counter))
    }

    pub fn counted_tagged(&self, of: &TaggedCounter) -> i64 {
        let rows = self.tagged.get(&(of.tag.name.clone(), of.hour));
        let row = rows.and_then(|rows| rows.get(&(of.tag.value.clone(), of.route.clone())));
        row.map_or(0, |tally| tally.get(&of.counter))
    }

    /// What is reserved, and what is open, follows from the entries: it is not written.
    pub fn restore_account(&mut self, window: Window, spent: NanoUsd, told: u8) {
        let account = self.accounts.entry(window).or_default();
        (account.spent, account.told) = (spent, told);
    }

    pub fn restore_buckets(&mut self, key: Option<&KeyId>, requests: Bucket, tokens: Bucket) {
        let pace = self.pace_mut(key);
        (pace.requests, pace.tokens) = (requests, tokens);
    }

    pub fn restore_word(&mut self, word: Override) {
        self.word = Some(word);
    }

    pub fn restore_count(&mut self, hour: Hour, route: Route, counter: Counter, count: i64) {
        self.usage.entry((hour, route)).or_default().add(counter, count);
    }

    pub fn restore_tagged(&mut self, of: TaggedCounter, count: i64) {
        let TaggedCounter { hour, tag: Tag { name, value }, route, counter } = of;
        if value.as_str() != TagValue::OTHER {
            self.values.entry((name.clone(), hour.start().day())).or_default().insert(value.clone());
        }
        let rows = self.tagged.entry((name, hour)).or_default();
        rows.entry((value, route)).or_default().add(counter, count);
    }
}

impl Windows {
    /// The month first: who is refused by both waits for the later.
    pub(super) fn both(self) -> [Window; 2] {
        [Window::Month(self.month), Window::Day(self.day)]
    }
}

impl Window {
    /// As limits are named: `daily` or `monthly`.
    pub fn name(self) -> &'static str {
        match self {
            Window::Day(_) => "daily",
            Window::Month(_) => "monthly",
        }
    }

    /// When it is over.
    pub fn end(self) -> StoreTime {
        match self {
            Window::Day(day) => day.end(),
            Window::Month(month) => month.end(),
        }
    }
}
