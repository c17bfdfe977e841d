//! A question as a script's words. Numbers are decimal digits, a limit that is not there is −1, a word
//! that is not there is empty.

use gateway_core::ledger::{
    Admit, Announce, Limit, Limits, Op, Override, Raise, Rates, Reap, ReservationId, Route, Settle, Tag,
};
use gateway_core::money::NanoUsd;

use crate::connection::Call;
use crate::keys;
use crate::scripts::Scripts;

/// The call that asks `op`; `time` is empty, or a test's own clock.
pub(crate) fn encode<'s>(op: &Op, time: &str, scripts: &'s Scripts) -> Call<'s> {
    let script = match op {
        Op::Admit(_) => &scripts.reserve,
        Op::Raise(_) => &scripts.raise,
        Op::Renew { .. } => &scripts.renew,
        Op::Announce(_) => &scripts.announce,
        Op::Settle(_) => &scripts.settle,
        Op::Reap(_) => &scripts.reap,
        Op::Recorded { .. } => &scripts.recorded,
        Op::Override { .. } => &scripts.word,
        Op::Status { .. } => &scripts.status,
        Op::Usage { .. } => &scripts.usage,
    };
    let mut words = Words(Call::of(script, &keys::prefix(op.team())));
    words.text(time);
    match op {
        Op::Admit(admit) => words.reserve(admit),
        Op::Raise(raise) => words.raise(raise),
        Op::Renew { ids, .. } | Op::Recorded { ids, .. } => ids.iter().for_each(|id| words.id(*id)),
        Op::Announce(announce) => words.announce(announce),
        Op::Settle(settle) => words.settle(settle),
        Op::Reap(Reap { limits, .. }) => words.windows(limits),
        Op::Override { limits, word, .. } => words.word(limits, word.as_ref()),
        Op::Status { key, .. } => words.text(key.as_ref().map_or("", |(key, _)| key.as_str())),
        Op::Usage { from, to, tag, .. } => {
            words.count(from.0);
            words.count(to.0);
            words.text(tag.as_ref().map_or("", |tag| tag.as_str()));
        }
    }
    words.0
}

/// A call whose words are being written.
struct Words<'s>(Call<'s>);

impl Words<'_> {
    fn text(&mut self, text: &str) {
        self.0.word(text);
    }

    fn count(&mut self, count: impl Into<u64>) {
        self.0.word(count.into());
    }

    fn money(&mut self, amount: NanoUsd) {
        self.0.word(amount.0);
    }

    fn id(&mut self, id: ReservationId) {
        let mut text = uuid::Uuid::encode_buffer();
        self.0.word(&*id.uuid().hyphenated().encode_lower(&mut text));
    }

    fn id_and_time(&mut self, id: ReservationId) {
        self.id(id);
        self.count(id.made_at().0);
    }

    /// `provider/model`, as [`Route::field`] begins.
    fn route(&mut self, route: &Route) {
        self.text(&format!("{}/{}", route.provider, route.model));
    }

    fn tags(&mut self, tags: &[Tag]) {
        for tag in tags {
            self.text(tag.name.as_str());
            self.text(tag.value.as_str());
        }
    }

    fn most(&mut self, limit: Limit<u64>) {
        match limit {
            Limit::Unlimited => self.text("-1"),
            Limit::AtMost(most) => self.count(most),
        }
    }

    fn most_money(&mut self, limit: Limit<NanoUsd>) {
        match limit {
            Limit::Unlimited => self.text("-1"),
            Limit::AtMost(most) => self.money(most),
        }
    }

    fn windows(&mut self, limits: &Limits) {
        self.most_money(limits.daily);
        self.most_money(limits.monthly);
    }

    fn rates(&mut self, rates: &Rates) {
        self.most(rates.requests_per_minute);
        self.most(rates.tokens_per_minute);
        self.most(rates.max_parallel);
    }

    fn reserve(&mut self, admit: &Admit) {
        self.id_and_time(admit.id);
        self.text(admit.key.as_str());
        self.money(admit.bound);
        self.count(admit.tokens);
        self.windows(&admit.limits);
        self.rates(&admit.limits.rates);
        self.rates(&admit.key_rates);
        self.route(&admit.route);
        match admit.least {
            Some(least) => {
                self.money(least.bound);
                self.count(least.tokens);
            }
            None => {
                self.text("");
                self.text("");
            }
        }
        self.tags(&admit.tags);
    }

    fn raise(&mut self, raise: &Raise) {
        self.id(raise.id);
        self.money(raise.total);
        self.windows(&raise.limits);
    }

    fn announce(&mut self, announce: &Announce) {
        self.id_and_time(announce.id);
        self.text(announce.key.as_str());
        self.money(announce.total);
        self.count(announce.tokens);
        self.count(announce.granted_at.0);
        self.route(&announce.route);
    }

    fn settle(&mut self, settle: &Settle) {
        self.id_and_time(settle.id);
        self.money(settle.cost);
        self.count(settle.tokens);
        self.text(if settle.unreserved { "1" } else { "" });
        self.windows(&settle.limits);
        self.most(settle.limits.rates.tokens_per_minute);
        self.most(settle.key_rates.tokens_per_minute);
        self.0.word(settle.tags.len());
        self.tags(&settle.tags);
        for (route, tally) in &settle.usage {
            // As [`Route::field`] is, whose beginning is the same for all.
            let mut field = format!("{}/{}|", route.provider, route.model);
            let counter_at = field.len();
            for (counter, count) in tally.iter() {
                field.truncate(counter_at);
                field.push_str(&counter.name());
                self.text(&field);
                self.0.word(count);
            }
        }
    }

    fn word(&mut self, limits: &Limits, word: Option<&Override>) {
        self.windows(limits);
        self.text(if word.is_some() { "1" } else { "" });
        let Some(word) = word else { return };
        for most in [word.daily, word.monthly] {
            match most {
                None => self.text(""),
                Some(most) => self.most_money(most),
            }
        }
        for most in [word.requests_per_minute, word.tokens_per_minute, word.max_parallel] {
            match most {
                None => self.text(""),
                Some(most) => self.most(most),
            }
        }
    }
}
