//! The ledger on Redis: each question is one script call; those asked together travel together over one
//! connection. A team enters the registry before its books are written, and again every minute.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gateway_core::clock::Clock;
use gateway_core::ids::TeamId;
use gateway_core::ledger::{Admission, Answer, Health, Ledger, LedgerError, Op, Pending};
use redis::{ErrorKind, RedisError, ServerErrorKind, Value};

use crate::connection::{Borrowed, Call, Connection, Link, Target};
use crate::decode::decode;
use crate::encode::encode;
use crate::scripts::Scripts;
use crate::{health, keys};

/// A registry that was lost is whole again after this.
const REGISTER_EVERY: Duration = Duration::from_secs(60);
/// What a reservation waits for replicas, of its whole deadline.
const REPLICATE: Duration = Duration::from_millis(150);

/// How the ledger is used.
#[derive(Clone, Debug)]
pub struct Settings {
    pub target: Target,
    /// A grant counts once so many replicas have it; 0: at once.
    pub wait_replicas: u32,
}

pub struct RedisLedger {
    connection: Connection,
    scripts: Scripts,
    wait_replicas: u32,
    clock: Arc<dyn Clock>,
    registered: Mutex<HashMap<TeamId, Instant>>,
    /// Instead of Redis's clock, in tests.
    time: Time,
}

/// Where a script's time comes from: microseconds since the epoch, or empty for Redis's own clock.
pub type Time = Box<dyn Fn() -> String + Send + Sync>;

type Answered = Result<Answer, LedgerError>;
type Checked = Result<Op, LedgerError>;

impl RedisLedger {
    /// Connects with the first question: a gateway starts while Redis is away.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> RedisLedger {
        RedisLedger::going_by(settings, clock, Box::new(String::new))
    }

    /// With a time of the caller's own, for tests.
    #[cfg(any(test, feature = "suite"))]
    pub fn with_time(settings: Settings, clock: Arc<dyn Clock>, time: Time) -> RedisLedger {
        RedisLedger::going_by(settings, clock, time)
    }

    fn going_by(settings: Settings, clock: Arc<dyn Clock>, time: Time) -> RedisLedger {
        RedisLedger {
            connection: Connection::new(settings.target),
            scripts: Scripts::new(),
            wait_replicas: settings.wait_replicas,
            clock,
            registered: Mutex::default(),
            time,
        }
    }

    async fn ask_all(&self, ops: Vec<Op>) -> Vec<Answered> {
        let link = match self.ready(&ops).await {
            Ok(link) => link,
            Err(error) => return vec![Err(error); ops.len()],
        };
        let ops: Vec<_> = ops.into_iter().map(Op::checked).collect();
        let mut answers = self.run(&link, &ops).await;
        if self.wait_replicas > 0 {
            self.replicate(&link, &ops, &mut answers).await;
        }
        answers
    }

    /// A connection, with every team of these questions in the registry.
    async fn ready(&self, ops: &[Op]) -> Result<Borrowed, LedgerError> {
        let mut link = self.connection.borrow().await.map_err(|error| lost(&error))?;
        let due = self.due(ops);
        if !due.is_empty() {
            let names: Vec<&str> = due.iter().map(TeamId::as_str).collect();
            let mut register = redis::cmd("SADD");
            register.arg(keys::TEAMS).arg(names);
            let added = link.link.query::<i64>(&register).await;
            if let Err(error) = added {
                self.connection.judge(&link, &error).await;
                return Err(self.error(&error, keys::TEAMS));
            }
            let now = self.clock.now();
            let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
            registered.retain(|_, at| now.saturating_duration_since(*at) < REGISTER_EVERY);
            registered.extend(due.into_iter().map(|team| (team, now)));
        }
        Ok(link)
    }

    /// Teams whose books these questions may begin, and that were not registered within the minute.
    fn due(&self, ops: &[Op]) -> BTreeSet<TeamId> {
        let now = self.clock.now();
        let registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        let begins =
            |op: &&Op| matches!(op, Op::Admit(_) | Op::Announce(_) | Op::Settle(_) | Op::Override { .. });
        let is_due = |team: &&TeamId| {
            registered.get(*team).is_none_or(|at| now.saturating_duration_since(*at) >= REGISTER_EVERY)
        };
        ops.iter().filter(begins).map(Op::team).filter(is_due).cloned().collect()
    }

    /// Those that are well formed go together; the answers are in the questions' order.
    async fn run(&self, link: &Borrowed, ops: &[Checked]) -> Vec<Answered> {
        let calls: Vec<Call<'_>> = ops.iter().flatten().map(|op| self.call(op)).collect();
        let mut answers = link.link.clone().run(calls).await.into_iter();
        let mut heard = Vec::with_capacity(ops.len());
        for op in ops {
            heard.push(match op {
                Err(invalid) => Err(invalid.clone()),
                Ok(op) => match answers.next() {
                    Some(Ok(answer)) => self.read(link, op, answer).await,
                    Some(Err(error)) => Err(self.failed(link, op, &error).await),
                    None => Err(LedgerError::Unavailable { reason: "an answer is missing".to_owned() }),
                },
            });
        }
        heard
    }

    fn call(&self, op: &Op) -> Call<'_> {
        encode(op, &(self.time)(), &self.scripts)
    }

    /// An override answers nothing itself: its status is asked for.
    async fn read(&self, link: &Borrowed, op: &Op, answer: Value) -> Answered {
        let answer = match op {
            Op::Override { team, limits, .. } => {
                let status = Op::Status { team: team.clone(), limits: *limits, key: None };
                match link.link.clone().run(vec![self.call(&status)]).await.pop() {
                    Some(Ok(answer)) => answer,
                    Some(Err(error)) => return Err(self.failed(link, &status, &error).await),
                    None => Value::Nil,
                }
            }
            _ => answer,
        };
        decode(op, &answer).map_err(|garbled| LedgerError::Corrupt {
            place: keys::prefix(op.team()),
            reason: format!("a script's answer is not understood: {}", garbled.0),
        })
    }

    async fn failed(&self, link: &Borrowed, op: &Op, error: &RedisError) -> LedgerError {
        self.connection.judge(link, error).await;
        self.error(error, &keys::prefix(op.team()))
    }

    /// A grant that too few replicas have is none: its caller is refused, and its record releases it.
    async fn replicate(&self, link: &Borrowed, ops: &[Checked], answers: &mut [Answered]) {
        let granted = |answer: &Answered| matches!(answer, Ok(Answer::Admit(Admission::Granted(_))));
        let granted_ops = ops.iter().zip(&*answers).filter(|(_, answer)| granted(answer));
        let teams: BTreeSet<&TeamId> =
            granted_ops.filter_map(|(op, _)| op.as_ref().ok()).map(Op::team).collect();
        let mut safe: HashMap<&TeamId, bool> = HashMap::new();
        if self.connection.target().is_cluster() {
            for team in teams {
                safe.insert(team, self.is_replicated(link, team).await);
            }
        } else if let Some(first) = teams.first() {
            let all = self.is_replicated(link, first).await;
            safe.extend(teams.into_iter().map(|team| (team, all)));
        }
        for (op, answer) in ops.iter().zip(answers) {
            let is_safe = op.as_ref().is_ok_and(|op| safe.get(op.team()) == Some(&true));
            if granted(answer) && !is_safe {
                let reason = format!("fewer than {} replicas have the reservation", self.wait_replicas);
                *answer = Err(LedgerError::Unavailable { reason });
            }
        }
    }

    async fn is_replicated(&self, link: &Borrowed, team: &TeamId) -> bool {
        let mut wait = redis::cmd("WAIT");
        wait.arg(self.wait_replicas).arg(REPLICATE.as_millis() as u64);
        let count = match link.link.clone() {
            mut one @ Link::One(_) => one.query::<u32>(&wait).await,
            Link::Cluster(mut cluster) => {
                use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
                let route = Route::with_key(keys::prefix(team), SlotAddr::Master);
                let node = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
                let value = cluster.route_command(wait, node).await;
                value.and_then(|value| redis::FromRedisValue::from_redis_value(value).map_err(Into::into))
            }
        };
        count.is_ok_and(|count| count >= self.wait_replicas)
    }

    /// A script names the key that it can't read; a value of another type is told by Redis itself.
    fn error(&self, error: &RedisError, place: &str) -> LedgerError {
        let detail = error.detail().unwrap_or_default();
        if let Some((_, told)) = detail.split_once("CORRUPT ") {
            let (key, what) = told.split_once(' ').unwrap_or((told, "it is not understood"));
            let what = what.split(" script:").next().unwrap_or(what).trim_end_matches([',', '.']);
            return LedgerError::Corrupt { place: key.to_owned(), reason: what.to_owned() };
        }
        if error.code() == Some("WRONGTYPE") || detail.contains("WRONGTYPE") {
            let reason = "one of its keys is of another type (redis/KEYS.md has the types)".to_owned();
            return LedgerError::Corrupt { place: place.to_owned(), reason };
        }
        lost(error)
    }

    async fn look(&self) -> Result<Health, LedgerError> {
        self.connection.follow_master().await.map_err(|error| lost(&error))?;
        let mut link = self.connection.borrow().await.map_err(|error| lost(&error))?;
        match health::infos(&mut link.link).await {
            Ok(infos) => health::judge(&infos, self.wait_replicas),
            Err(error) => {
                self.connection.judge(&link, &error).await;
                Err(lost(&error))
            }
        }
    }
}

/// Redis's own words tell of states and addresses, not of what was asked.
fn lost(error: &RedisError) -> LedgerError {
    let reason = match error.kind() {
        ErrorKind::AuthenticationFailed => "it refuses our password".to_owned(),
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            "its user may not do what the ledger needs: redis/KEYS.md lists it".to_owned()
        }
        _ => error.to_string(),
    };
    LedgerError::Unavailable { reason }
}

impl Ledger for RedisLedger {
    fn ask(&self, ops: Vec<Op>) -> Pending<'_, Vec<Answered>> {
        Box::pin(self.ask_all(ops))
    }

    fn teams(&self) -> Pending<'_, Result<Vec<TeamId>, LedgerError>> {
        Box::pin(async move {
            let mut link = self.connection.borrow().await.map_err(|error| lost(&error))?;
            let mut read = redis::cmd("SMEMBERS");
            read.arg(keys::TEAMS);
            match link.link.query::<Vec<String>>(&read).await {
                Ok(names) => {
                    let team = |name: &String| {
                        TeamId::new(name).ok_or_else(|| LedgerError::Corrupt {
                            place: keys::TEAMS.to_owned(),
                            reason: "holds a name that no team can have".to_owned(),
                        })
                    };
                    names.iter().map(team).collect()
                }
                Err(error) => {
                    self.connection.judge(&link, &error).await;
                    Err(self.error(&error, keys::TEAMS))
                }
            }
        })
    }

    fn health(&self) -> Pending<'_, Result<Health, LedgerError>> {
        Box::pin(self.look())
    }
}
