//! A question as a script's words. Numbers are decimal digits, a limit that is not there is −1, a word
//! that is not there is empty.

use gateway_core::ids::TagName;
use gateway_core::ledger::{
    Admit, Announce, Limit, Limits, Op, Override, Raise, Rates, Reap, ReservationId, Route, Settle, Tag,
};
use gateway_core::money::NanoUsd;
use redis::Script;

use crate::scripts::Scripts;

/// The script and its words after the clock's.
pub(crate) fn encode<'s>(op: &Op, scripts: &'s Scripts) -> (&'s Script, Vec<String>) {
    match op {
        Op::Admit(admit) => (&scripts.reserve, reserve(admit)),
        Op::Raise(raise) => (&scripts.raise, self::raise(raise)),
        Op::Renew { ids, .. } => (&scripts.renew, ids.iter().copied().map(id).collect()),
        Op::Announce(announce) => (&scripts.announce, self::announce(announce)),
        Op::Settle(settle) => (&scripts.settle, self::settle(settle)),
        Op::Reap(Reap { limits, .. }) => (&scripts.reap, windows(limits).to_vec()),
        Op::Recorded { ids, .. } => (&scripts.recorded, ids.iter().copied().map(id).collect()),
        Op::Override { limits, word, .. } => (&scripts.word, self::word(limits, word.as_ref())),
        Op::Status { key, .. } => {
            (&scripts.status, vec![key.as_ref().map_or(String::new(), |(key, _)| key.to_string())])
        }
        Op::Usage { from, to, tag, .. } => {
            let tag = tag.as_ref().map_or(String::new(), TagName::to_string);
            (&scripts.usage, vec![from.0.to_string(), to.0.to_string(), tag])
        }
    }
}

fn reserve(admit: &Admit) -> Vec<String> {
    let mut words = vec![
        id(admit.id),
        made(admit.id),
        admit.key.to_string(),
        money(admit.bound),
        admit.tokens.to_string(),
    ];
    words.extend(windows(&admit.limits));
    words.extend(rates(&admit.limits.rates));
    words.extend(rates(&admit.key_rates));
    words.push(route(&admit.route));
    words.extend(match admit.least {
        Some(least) => [money(least.bound), least.tokens.to_string()],
        None => [String::new(), String::new()],
    });
    words.extend(tags(&admit.tags));
    words
}

fn raise(raise: &Raise) -> Vec<String> {
    let mut words = vec![id(raise.id), money(raise.total)];
    words.extend(windows(&raise.limits));
    words
}

fn announce(announce: &Announce) -> Vec<String> {
    vec![
        id(announce.id),
        made(announce.id),
        announce.key.to_string(),
        money(announce.total),
        announce.tokens.to_string(),
        announce.granted_at.0.to_string(),
        route(&announce.route),
    ]
}

fn settle(settle: &Settle) -> Vec<String> {
    let unreserved = if settle.unreserved { "1" } else { "" };
    let mut words = vec![
        id(settle.id),
        made(settle.id),
        money(settle.cost),
        settle.tokens.to_string(),
        unreserved.to_owned(),
    ];
    words.extend(windows(&settle.limits));
    words.push(limit(settle.limits.rates.tokens_per_minute, |most| most.to_string()));
    words.push(limit(settle.key_rates.tokens_per_minute, |most| most.to_string()));
    words.push(settle.tags.len().to_string());
    words.extend(tags(&settle.tags));
    for (route, tally) in &settle.usage {
        words.extend(tally.iter().flat_map(|(counter, count)| [route.field(counter), count.to_string()]));
    }
    words
}

fn word(limits: &Limits, word: Option<&Override>) -> Vec<String> {
    let mut words = windows(limits).to_vec();
    words.push(if word.is_some() { "1" } else { "" }.to_owned());
    if let Some(word) = word {
        let of_money = |field: Option<_>| field.map_or(String::new(), |most| limit(most, money));
        let of_count =
            |field: Option<_>| field.map_or(String::new(), |most| limit(most, |most: u64| most.to_string()));
        words.extend([
            of_money(word.daily),
            of_money(word.monthly),
            of_count(word.requests_per_minute),
            of_count(word.tokens_per_minute),
            of_count(word.max_parallel),
        ]);
    }
    words
}

fn id(id: ReservationId) -> String {
    id.uuid().hyphenated().to_string()
}

fn made(id: ReservationId) -> String {
    id.made_at().0.to_string()
}

fn money(amount: NanoUsd) -> String {
    amount.0.to_string()
}

/// `provider/model`, as [`Route::field`] begins.
fn route(route: &Route) -> String {
    format!("{}/{}", route.provider, route.model)
}

fn tags(tags: &[Tag]) -> impl Iterator<Item = String> {
    tags.iter().flat_map(|tag| [tag.name.to_string(), tag.value.to_string()])
}

fn limit<T>(limit: Limit<T>, number: impl FnOnce(T) -> String) -> String {
    match limit {
        Limit::Unlimited => "-1".to_owned(),
        Limit::AtMost(most) => number(most),
    }
}

fn windows(limits: &Limits) -> [String; 2] {
    [limit(limits.daily, money), limit(limits.monthly, money)]
}

fn rates(rates: &Rates) -> [String; 3] {
    let count = |most| limit(most, |most: u64| most.to_string());
    [count(rates.requests_per_minute), count(rates.tokens_per_minute), count(rates.max_parallel)]
}
