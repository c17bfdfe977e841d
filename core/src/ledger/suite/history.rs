//! Histories: random interleavings over three replicas with crashes, and with messages that are late,
//! repeated, lost, or lost after they were applied. At each step the invariants are looked at; at the
//! end everybody comes back, all is delivered, and the books must agree with bills and audit.

use std::time::Duration;

use uuid::Builder;

use super::super::rule::Rules;
use super::super::{
    Admission, Admit, Announce, Answer, Counter, Interrupted, Least, Limit, Limits, Op, Override, Raise,
    Raised, Rates, Reap, ReservationId, Route, Settle, StoreTime, Tag, Tally,
};
use super::choices::Choices;
use super::replicas::{BOUND, LOOSE, MOST_ATTEMPTS, Message, Phase, REPLICAS, Replica, Request};
use super::{Oracle, Step};
use crate::ids::{KeyId, ModelName, TagName, TagValue, TeamId, UpstreamName};
use crate::money::NanoUsd;

/// 2030-01-31T23:58:00Z: two minutes before a day and a month end.
pub(super) const START: u64 = 1_896_134_280;
const MOST_REQUESTS: usize = 12;
/// A message is never later than this, in seconds; [`super::super::MESSAGE_LIFE`] is longer.
const LONG: u64 = 3_700;

/// Grows a history and holds it to the invariants: what was asked and answered, or what was broken.
/// `prefix` keeps its teams apart from those of other histories in the same store.
pub fn history(prefix: &str, seeds: &[u16]) -> Result<Vec<Step>, String> {
    grow(prefix, seeds, Rules::ALL)
}

pub(in crate::ledger) fn grow(prefix: &str, seeds: &[u16], rules: Rules) -> Result<Vec<Step>, String> {
    let mut world = World::new(prefix, Choices::new(seeds), rules);
    while !world.chance.is_over() {
        world.act()?;
    }
    world.end()?;
    Ok(world.steps)
}

pub(super) struct World<'a> {
    pub(super) chance: Choices<'a>,
    pub(super) oracle: Oracle,
    pub(super) steps: Vec<Step>,
    /// Seconds since the epoch, for replicas and store alike.
    pub(super) now: u64,
    pub(super) teams: [TeamId; 2],
    pub(super) limit: i64,
    pub(super) requests: Vec<Request>,
    pub(super) replicas: [Replica; REPLICAS],
    pub(super) wire: Vec<Message>,
}

impl<'a> World<'a> {
    fn new(prefix: &str, mut chance: Choices<'a>, rules: Rules) -> World<'a> {
        let team = |n: u8| TeamId::new(&format!("{prefix}.{n}")).expect("a short lower-case prefix");
        let mut replicas: [Replica; REPLICAS] = Default::default();
        replicas[0].allows = chance.below(3) == 1;
        World {
            oracle: Oracle::new(rules),
            steps: Vec::new(),
            now: START,
            teams: [team(0), team(1)],
            limit: 8 + 4 * i64::try_from(chance.below(5)).unwrap_or(0),
            requests: Vec::new(),
            replicas,
            wire: Vec::new(),
            chance,
        }
    }

    pub(super) fn limits(&self) -> Limits {
        let rates = Rates { max_parallel: Limit::AtMost(5), ..Rates::UNLIMITED };
        let monthly = Limit::AtMost(NanoUsd(self.limit * 2));
        Limits { daily: Limit::AtMost(NanoUsd(self.limit)), monthly, rates }
    }

    fn key_rates() -> Rates {
        Rates { tokens_per_minute: Limit::AtMost(400), ..Rates::UNLIMITED }
    }

    fn route(&self, request: &Request) -> Route {
        let model = if request.owner == 0 { "a" } else { "b" };
        let provider = UpstreamName::new("openai").expect("a legal name");
        Route { provider, model: ModelName::new(model) }
    }

    pub(super) fn tag() -> TagName {
        TagName::new("n").expect("a legal name")
    }

    /// One request in two has them.
    pub(super) fn tags(&self, request: &Request) -> Vec<Tag> {
        let n = request.id.uuid().as_bytes()[15];
        let value = |text: &str| TagValue::new(text).expect("a plain word");
        let cost = TagName::new("cost").expect("a legal name");
        let tags = [
            Tag { name: cost, value: value(if n.is_multiple_of(4) { "a" } else { "b" }) },
            Tag { name: World::tag(), value: value(&n.to_string()) },
        ];
        tags.into_iter().filter(|_| n.is_multiple_of(2)).collect()
    }

    /// One thing happens.
    fn act(&mut self) -> Result<(), String> {
        match self.chance.below(16) {
            0 | 1 => self.begin(),
            2..=5 => {
                let place = self.chance.below(self.wire.len());
                self.deliver(place, true)?;
            }
            6..=10 => {
                let request = self.chance.below(self.requests.len());
                self.progress(request);
            }
            11 => self.reap_or_record(),
            12 => self.pass_time(),
            13 => self.fault(),
            14 => self.renew(),
            _ => self.resend_or_override(),
        }
        Ok(())
    }

    fn begin(&mut self) {
        let owner = self.chance.below(REPLICAS);
        if self.requests.len() >= MOST_REQUESTS || self.replicas[owner].down {
            return;
        }
        let n = u8::try_from(self.requests.len()).unwrap_or(0);
        let uuid = Builder::from_unix_timestamp_millis(self.now * 1_000, &[n; 10]).into_uuid();
        let Some(id) = ReservationId::new(uuid) else { return };
        let request = Request {
            id,
            team: self.chance.below(4) % 3 % 2,
            owner,
            phase: Phase::Admitting,
            total: if self.chance.below(3) == 1 { BOUND + LOOSE } else { BOUND },
            bill: 0,
            cost: 0,
            granted_at: None,
            seen: true,
            unreserved: false,
            record: None,
            reaper_records: Default::default(),
            acked: false,
        };
        self.requests.push(request);
        self.reserve(self.requests.len() - 1);
    }

    fn reserve(&mut self, place: usize) {
        let request = &self.requests[place];
        let is_loose = request.total > BOUND;
        let op = Op::Admit(Admit {
            id: request.id,
            team: self.teams[request.team].clone(),
            key: KeyId::new("k"),
            bound: NanoUsd(request.total),
            tokens: if is_loose { 150 } else { 100 },
            least: is_loose.then_some(Least { bound: NanoUsd(BOUND), tokens: 100 }),
            limits: self.limits(),
            key_rates: World::key_rates(),
            route: self.route(request),
            tags: self.tags(request),
        });
        let owner = request.owner;
        self.send(owner, Some(place), op);
    }

    pub(super) fn send(&mut self, from: usize, request: Option<usize>, op: Op) {
        let life = self.replicas[from].life;
        self.wire.push(Message { from, life, request, op, applied: false });
    }

    pub(super) fn ask(&mut self, op: &Op) -> Answer {
        let at = StoreTime(self.now * 1_000_000);
        let answer = self.oracle.ask(op, at);
        self.steps.push(Step { at, op: op.clone(), want: answer.clone() });
        answer
    }

    /// The store gets a message; its answer may be lost, and the message may come once more.
    pub(super) fn deliver(&mut self, place: usize, faults: bool) -> Result<(), String> {
        if place >= self.wire.len() {
            return Ok(());
        }
        let mut message = self.wire.remove(place);
        let once = matches!(message.op, Op::Admit(_));
        let dropped = faults && !matches!(message.op, Op::Settle(_)) && self.chance.rarely(12);
        if dropped {
            return Ok(());
        }
        let held = self.held(&message.op);
        let answer = self.ask(&message.op.clone());
        self.look(&message, &answer, held)?;
        let lost = faults && self.chance.rarely(6);
        let waits = message.life == self.replicas[message.from].life && !self.replicas[message.from].down;
        if !lost && waits && !message.applied {
            self.hear(&message, answer);
        }
        if faults && !once && self.chance.rarely(6) {
            message.applied = true;
            self.wire.push(message);
        }
        Ok(())
    }

    fn hear(&mut self, message: &Message, answer: Answer) {
        let request = message.request.and_then(|place| self.requests.get_mut(place));
        match (answer, request) {
            (Answer::Admit(admission), Some(request)) if request.phase == Phase::Admitting => {
                request.phase = match admission {
                    Admission::Granted(granted) => {
                        request.granted_at = Some(granted.granted_at);
                        Phase::Going
                    }
                    Admission::Refused(_) | Admission::RateLimited(_) => {
                        request.acked = true;
                        Phase::Ended
                    }
                    Admission::Tighten => Phase::Tightening,
                    Admission::Void => Phase::Recording,
                };
            }
            (Answer::Raise(raised), Some(request)) if request.phase == Phase::Raising => {
                let Op::Raise(raise) = &message.op else { return };
                if raise.total.0 == request.total {
                    let granted = raised == Raised::Granted;
                    request.phase = if granted { Phase::Going } else { Phase::Recording };
                }
            }
            (Answer::Settle(_), Some(request)) => request.acked = true,
            (Answer::Reap(reaped), None) => self.replicas[message.from].handed.extend(reaped.interrupted),
            _ => {}
        }
    }

    /// The owner does the next thing that is in its own hands.
    pub(super) fn progress(&mut self, place: usize) {
        let Some(request) = self.requests.get(place) else { return };
        if self.replicas[request.owner].down {
            return;
        }
        match request.phase {
            Phase::Going => self.requests[place].phase = Phase::Upstream,
            Phase::Tightening => {
                let request = &mut self.requests[place];
                (request.phase, request.total) = (Phase::Admitting, BOUND);
                self.reserve(place);
            }
            Phase::Upstream => self.end_attempt(place),
            Phase::Admitting if self.chance.rarely(3) => self.give_up_reserve(place),
            Phase::Raising if self.chance.rarely(3) => self.requests[place].phase = Phase::Recording,
            Phase::Recording => {
                let request = &mut self.requests[place];
                request.record = Some((request.cost, self.now));
                request.phase = Phase::Ended;
            }
            Phase::Ended if !request.acked => self.settle(place),
            _ => {}
        }
    }

    /// The reserve's time is up: 503, or served from the local allowance.
    pub(super) fn give_up_reserve(&mut self, place: usize) {
        let allows = self.replicas[self.requests[place].owner].allows;
        let request = &mut self.requests[place];
        request.unreserved = allows;
        request.phase = if allows { Phase::Going } else { Phase::Recording };
    }

    fn end_attempt(&mut self, place: usize) {
        let outcome = self.chance.below(4);
        let bill = 1 + i64::try_from(self.chance.below(4)).unwrap_or(0);
        let request = &mut self.requests[place];
        let (billed, cost) = match outcome {
            0 | 1 => (bill, bill),
            2 => {
                request.seen = false;
                (bill, BOUND)
            }
            _ => (0, 0),
        };
        request.bill += billed;
        request.cost += cost;
        let falls_back = outcome >= 2 && request.total < BOUND * MOST_ATTEMPTS;
        if !falls_back {
            request.phase = Phase::Recording;
            return;
        }
        request.total += BOUND;
        if request.unreserved {
            request.phase = Phase::Going;
            return;
        }
        request.phase = Phase::Raising;
        let (id, owner, total) = (request.id, request.owner, NanoUsd(request.total));
        let op =
            Op::Raise(Raise { id, team: self.teams[request.team].clone(), total, limits: self.limits() });
        self.send(owner, Some(place), op);
    }

    /// The cursor sends what the record says.
    fn settle(&mut self, place: usize) {
        let request = &self.requests[place];
        let Some((cost, _)) = request.record else { return };
        let usage = Tally::default().with(Counter::Requests, 1).with(Counter::Cost, cost);
        let op = Op::Settle(Settle {
            id: request.id,
            team: self.teams[request.team].clone(),
            key: KeyId::new("k"),
            cost: NanoUsd(cost),
            tokens: 50,
            unreserved: request.unreserved,
            limits: self.limits(),
            key_rates: World::key_rates(),
            usage: vec![(self.route(request), usage)],
            tags: self.tags(request),
        });
        let owner = request.owner;
        self.send(owner, Some(place), op);
    }

    fn renew(&mut self) {
        for replica in (0..REPLICAS).filter(|replica| !self.replicas[*replica].down).collect::<Vec<_>>() {
            for team in 0..self.teams.len() {
                let mine = |request: &&Request| request.owner == replica && request.team == team;
                let open = self.requests.iter().filter(mine);
                let open = open.filter(|request| request.is_live() && request.phase != Phase::Admitting);
                let ids: Vec<_> = open.map(|request| request.id).collect();
                if !ids.is_empty() {
                    self.send(replica, None, Op::Renew { team: self.teams[team].clone(), ids });
                }
            }
        }
    }

    fn reap_or_record(&mut self) {
        let replica = self.chance.below(REPLICAS);
        if self.replicas[replica].down {
            return;
        }
        match self.replicas[replica].handed.pop() {
            Some(gone) => self.record_interrupted(replica, &gone),
            None => {
                let team = self.teams[self.chance.below(self.teams.len())].clone();
                self.send(replica, None, Op::Reap(Reap { team, limits: self.limits() }));
            }
        }
    }

    /// Unless its own records already tell of it; then the store hears that it is recorded.
    pub(super) fn record_interrupted(&mut self, replica: usize, gone: &Interrupted) {
        let Some(place) = self.requests.iter().position(|request| request.id == gone.id) else { return };
        let request = &mut self.requests[place];
        let known = request.owner == replica && request.record.is_some();
        if !known && !request.reaper_records.iter().any(|(by, _)| *by == replica) {
            request.reaper_records.insert((replica, gone.charge.0));
        }
        let op = Op::Recorded { team: self.teams[request.team].clone(), ids: vec![gone.id] };
        self.send(replica, None, op);
    }

    fn pass_time(&mut self) {
        let busy = self.requests.iter().any(|request| {
            request.is_live() || (request.phase == Phase::Ended && self.wire.iter().any(|m| !m.applied))
        });
        match self.chance.below(6) {
            0 => self.now += 1,
            1 | 2 => self.now += 25,
            3 => self.now += 61,
            4 => self.now = self.now.saturating_sub(5),
            // No request lives, and no message travels, as long as a marker is kept.
            _ if !busy => {
                self.wire.clear();
                self.now += LONG;
            }
            _ => self.now += 61,
        }
    }

    /// A crash, or the return from one.
    fn fault(&mut self) {
        let replica = self.chance.below(REPLICAS);
        if self.replicas[replica].down {
            self.restart(replica);
        } else if self.chance.below(2) == 1 {
            self.crash(replica);
        }
    }

    fn crash(&mut self, replica: usize) {
        self.replicas[replica].down = true;
        self.replicas[replica].life += 1;
        self.replicas[replica].handed.clear();
        for request in self.requests.iter_mut().filter(|r| r.owner == replica && r.is_live()) {
            if request.phase == Phase::Upstream {
                request.bill += BOUND;
                request.seen = false;
            }
            request.phase = Phase::Dead;
        }
    }

    /// The cursor goes back 60 s; what was served without the store is recorded at its bound.
    pub(super) fn restart(&mut self, replica: usize) {
        self.replicas[replica].down = false;
        let now = self.now;
        for request in self.requests.iter_mut().filter(|request| request.owner == replica) {
            if request.record.is_some_and(|(_, at)| at + 60 >= now) {
                request.acked = false;
            }
            if request.unreserved && request.phase == Phase::Dead {
                request.cost = request.total;
                request.seen = false;
                request.phase = Phase::Recording;
            }
        }
    }

    /// A message sent twice, an owner that announces what it holds, or an operator who changes his mind.
    fn resend_or_override(&mut self) {
        match self.chance.below(5) {
            0 => self.set_override(),
            1 => self.announce(),
            _ => {
                let twice = self.wire.get(self.chance.below(self.wire.len())).cloned();
                let twice = twice.filter(|message| !matches!(message.op, Op::Admit(_)));
                self.wire.extend(twice.map(|message| Message { applied: true, ..message }));
            }
        }
    }

    fn announce(&mut self) {
        let Some(request) = self.requests.get(self.chance.below(self.requests.len())) else { return };
        let Some((hold, granted_at)) = request.held() else { return };
        let op = Op::Announce(Announce {
            id: request.id,
            team: self.teams[request.team].clone(),
            key: KeyId::new("k"),
            total: NanoUsd(hold),
            tokens: 100,
            granted_at,
            route: self.route(request),
        });
        let owner = request.owner;
        self.send(owner, None, op);
    }

    fn set_override(&mut self) {
        let daily = Limit::AtMost(NanoUsd(i64::try_from(self.chance.below(30)).unwrap_or(0)));
        let word =
            (self.chance.below(2) == 1).then(|| Override { daily: Some(daily), ..Override::default() });
        let team = self.teams[0].clone();
        self.ask(&Op::Override { team, limits: self.limits(), word });
    }
}

/// A long time, in the rule's own unit, is longer than any message lives.
const _: () = assert!(Duration::from_secs(LONG).as_secs() > super::super::MESSAGE_LIFE.as_secs());
