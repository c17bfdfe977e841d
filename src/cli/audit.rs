//! `ai-gateway audit`: verify, tail, export. They read the folder themselves, also while a gateway writes it.

use crate::assembly::SystemClock;
use crate::config::{AuditPlace, Environment};
use chrono::{DateTime, NaiveDate};
use clap::{Subcommand, ValueEnum};
use gateway_actors::audit::{self as trail, Format, Span, Tail};
use gateway_core::audit::check::{MOST_FINDS, Report};
use gateway_core::audit::{HeadFile, SigningKey, Time};
use gateway_core::clock::Clock;
use secrecy::ExposeSecret;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often `tail --follow` looks.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Clone, Subcommand)]
pub(super) enum AuditCommand {
    /// Check the whole trail: what was changed, removed, inserted or moved, and where.
    Verify {
        /// The trail's folder (default: AUDIT_DIR).
        dir: Option<PathBuf>,
        /// The file that remembers the trail's end (default: audit-head in GATEWAY_STATE_DIR, for AUDIT_DIR alone).
        #[arg(long, value_name = "FILE")]
        head: Option<PathBuf>,
    },
    /// Print the last records.
    Tail {
        /// The trail's folder (default: AUDIT_DIR).
        dir: Option<PathBuf>,
        /// How many.
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: usize,
        /// Go on with those that come.
        #[arg(short, long)]
        follow: bool,
    },
    /// Write records to standard output, one for each request.
    Export {
        /// The trail's folder (default: AUDIT_DIR).
        dir: Option<PathBuf>,
        /// From this time on: 2026-11-24, 2026-11-24T09:30:00Z, or 30m, 24h, 7d ago.
        #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
        since: Option<Moment>,
        /// Up to this time, not included.
        #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
        until: Option<Moment>,
        #[arg(long, value_enum, default_value_t = Form::Jsonl)]
        format: Form,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Form {
    Jsonl,
    Csv,
}

/// A time, or how long ago it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    At(Time),
    Ago(Duration),
}

impl Moment {
    fn parse(text: &str) -> Result<Moment, String> {
        let midnight = || Some(text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc());
        let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).ok().or_else(midnight);
        if let Some(millis) = time.and_then(|time| u64::try_from(time.timestamp_millis()).ok()) {
            return Ok(Moment::At(Time::from_unix_millis(millis)));
        }
        let ago = || {
            let (at, unit) = text.char_indices().next_back()?;
            let seconds = match unit {
                'm' => 60,
                'h' => 3_600,
                'd' => 86_400,
                _ => return None,
            };
            Some(Duration::from_secs(u64::from(text[..at].parse::<u32>().ok()?) * seconds))
        };
        ago()
            .map(Moment::Ago)
            .ok_or_else(|| "write 2026-11-24, 2026-11-24T09:30:00Z, 30m, 24h or 7d".to_owned())
    }

    fn time(self) -> Time {
        match self {
            Moment::At(time) => time,
            Moment::Ago(ago) => Time::from(SystemClock.unix()).back(ago),
        }
    }
}

pub(super) fn run(command: AuditCommand, environment: &Environment) -> super::Outcome {
    let place = AuditPlace::read(environment)?;
    let mut out = io::stdout().lock();
    let done = match command {
        AuditCommand::Verify { dir, head } => verify(&place, dir, head, &mut out),
        AuditCommand::Tail { dir, lines, follow } => {
            tail(&dir.unwrap_or(place.dir), lines, follow, &mut out).map_err(Into::into)
        }
        AuditCommand::Export { dir, since, until, format } => {
            let span = Span { since: since.map(Moment::time), until: until.map(Moment::time) };
            export(&dir.unwrap_or(place.dir), span, format, &mut out)
        }
    };
    match done {
        // `| head` has seen enough.
        Err(error) if error.downcast_ref().map(io::Error::kind) == Some(io::ErrorKind::BrokenPipe) => Ok(()),
        done => done,
    }
}

fn verify(
    place: &AuditPlace,
    dir: Option<PathBuf>,
    head: Option<PathBuf>,
    out: &mut dyn Write,
) -> super::Outcome {
    let key = place.hmac_key.as_ref().map(|key| SigningKey::new(key.expose_secret().as_bytes()));
    // What is remembered is of the configured trail; a copy elsewhere may be older.
    let remembered = head.or_else(|| dir.is_none().then(|| place.head.clone()));
    let folder = dir.unwrap_or_else(|| place.dir.clone());
    let head = remembered.map(|path| read_head(&path, key.as_ref())).transpose()?.flatten();
    let unreadable = |error| format!("{} can't be read: {error}", folder.display());
    let report = trail::verify(&folder, key.as_ref(), head).map_err(unreadable)?;
    for find in &report.finds {
        writeln!(out, "{}: {}", find.place, find.what)?;
    }
    if report.wrong as usize > MOST_FINDS {
        writeln!(out, "… and {} more", report.wrong as usize - MOST_FINDS)?;
    }
    summary(&report, key.is_some(), head.is_some(), out)?;
    match report.wrong {
        0 => Ok(()),
        1 => Err("the trail is not whole: 1 thing is wrong".into()),
        wrong => Err(format!("the trail is not whole: {wrong} things are wrong").into()),
    }
}

fn summary(report: &Report, has_key: bool, has_head: bool, out: &mut dyn Write) -> io::Result<()> {
    let last = report.last.map_or(0, |last| last.seq);
    writeln!(
        out,
        "{} segments, {} records, lines {} to {last}",
        report.segments,
        report.records,
        report.first_seq.unwrap_or_default()
    )?;
    let signed = report.signed_segments;
    match has_key {
        true => writeln!(out, "{signed} segments are signed with AUDIT_HMAC_KEY")?,
        false if signed > 0 => writeln!(out, "signatures were not checked: AUDIT_HMAC_KEY is not set")?,
        false => {}
    }
    if !has_head {
        writeln!(out, "no remembered end to compare with: lines cut off at the end would not show")?;
    }
    if report.repairs > 0 {
        writeln!(
            out,
            "{} torn ends were mended at a start: no answered request was in them",
            report.repairs
        )?;
    }
    if report.torn_end {
        writeln!(out, "the last line has no end: it is being written, or the gateway died at it")?;
    }
    if report.wrong == 0 { writeln!(out, "the trail is whole") } else { Ok(()) }
}

fn read_head(path: &Path, key: Option<&SigningKey>) -> Result<Option<HeadFile>, String> {
    match std::fs::read(path) {
        Ok(text) => HeadFile::decode(&text, key)
            .map(Some)
            .map_err(|error| format!("{} can't be used as the remembered end: {error}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{} can't be read: {error}", path.display())),
    }
}

fn tail(folder: &Path, lines: usize, follow: bool, out: &mut dyn Write) -> io::Result<()> {
    let (mut tail, last) = Tail::last(folder, lines)?;
    for line in last {
        writeln!(out, "{line}")?;
    }
    if !follow {
        return Ok(());
    }
    actix_rt::System::new().block_on(async {
        loop {
            for entry in tail.more()? {
                out.write_all(&entry.line)?;
                out.write_all(b"\n")?;
            }
            out.flush()?;
            tokio::time::sleep(LOOK).await;
        }
    })
}

fn export(folder: &Path, span: Span, format: Form, out: &mut dyn Write) -> super::Outcome {
    let format = match format {
        Form::Jsonl => Format::Jsonl,
        Form::Csv => Format::Csv,
    };
    let unread = trail::export(folder, span, format, &mut io::BufWriter::new(out))?;
    match unread {
        0 => Ok(()),
        unread => {
            Err(format!("{unread} lines can't be read and were left out: `audit verify` shows where").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        let at = |text: &str| Ok(Moment::At(Time::parse(text).unwrap()));
        let ago = |seconds| Ok(Moment::Ago(Duration::from_secs(seconds)));
        for (text, want) in [
            ("2026-11-24", at("2026-11-24T00:00:00.000Z")),
            ("2026-11-24T09:30:00Z", at("2026-11-24T09:30:00.000Z")),
            ("2026-11-24T09:30:00+02:00", at("2026-11-24T07:30:00.000Z")),
            ("30m", ago(1_800)),
            ("24h", ago(86_400)),
            ("7d", ago(604_800)),
            ("", Err(())),
            ("d", Err(())),
            ("-1d", Err(())),
            ("7é", Err(())),
            ("1960-01-01", Err(())),
        ] {
            assert_eq!(Moment::parse(text).map_err(drop), want, "{text}");
        }
    }
}
