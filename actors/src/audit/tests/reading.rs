//! Readers: the outbox, the newest records, exports, a million lines.

use super::*;
use crate::testing::until;

async fn durable(audit: &Audit) {
    until(|| audit.shared.durable.synced_mark() == audit.shared.durable.written_mark()).await;
}

fn seqs(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.seq).collect()
}

#[actix::test]
async fn an_outbox_gives_out_each_record_until_it_is_committed() {
    let scratch = Scratch::new();
    let settings = Settings { segment_bytes: 1_500, ..settings(&scratch) };
    let audit = start(settings.clone());
    let mut outbox = audit.outbox("ledger").unwrap();
    assert_eq!(outbox.next(10).unwrap(), []);
    for n in 0..12 {
        audit.record(record(n)).await.unwrap();
    }
    durable(&audit).await;
    outbox.more().await;
    let first = outbox.next(5).unwrap();
    let second = outbox.next(100).unwrap();
    assert_eq!((first.len(), second.len()), (5, 7));
    assert!(seqs(&first).last() < seqs(&second).first());
    assert_eq!(first[0].read().unwrap().record().unwrap(), record(0));
    outbox.commit(first[2].end).unwrap();
    outbox.again();
    assert_eq!(seqs(&outbox.next(100).unwrap())[..2], seqs(&first)[3..5]);
    drop(outbox);
    let mut outbox = audit.outbox("ledger").unwrap();
    assert_eq!(seqs(&outbox.next(1).unwrap()), seqs(&first)[3..4], "the cursor outlives its reader");
    outbox.commit(second[6].end).unwrap();
    outbox.again();
    assert_eq!(outbox.next(10).unwrap(), []);
    audit.drain(WAIT).await.unwrap();
}

#[actix::test]
async fn an_outbox_goes_back_by_time() {
    let scratch = Scratch::new();
    let settings = Settings { segment_bytes: 2_000, ..settings(&scratch) };
    let audit = start(settings.clone());
    let now = TestClock::shared().unix().as_millis() as u64;
    for n in 0..30 {
        let mut request = request(n);
        // The newest one ended an hour ago, those before it a second apart.
        request.time = Time::from_unix_millis(now - 3_600_000 - (29 - n) * 1_000 - 500);
        request.latency_ms = 500;
        audit.record(request.into()).await.unwrap();
    }
    durable(&audit).await;
    let mut outbox = audit.outbox("ledger").unwrap();
    let all = outbox.next(100).unwrap();
    outbox.commit(all[24].end).unwrap();
    for (case, seconds, from) in
        [("ten seconds", 10, 19), ("less than is open", 2, 25), ("all", 3_600, 0), ("nothing", 0, 25)]
    {
        outbox.go_back(Duration::from_secs(seconds)).unwrap();
        let read = outbox.next(100).unwrap();
        assert_eq!(seqs(&read), seqs(&all[from..]), "{case}");
    }
    audit.drain(WAIT).await.unwrap();
}

#[actix::test]
async fn segments_that_vanish_under_a_reader_are_counted() {
    let scratch = Scratch::new();
    let settings = Settings { segment_bytes: 1_500, ..settings(&scratch) };
    let audit = start(settings.clone());
    for n in 0..20 {
        audit.record(record(n)).await.unwrap();
    }
    durable(&audit).await;
    let until = audit.shared.durable.synced_mark();
    let most = reader::Most { records: 1, bytes: 1 << 20 };
    let first = reader::read(&settings.folder, Position::default(), until, most).unwrap();
    let segments = segment::segments(&settings.folder).unwrap();
    std::fs::remove_file(&segments[0].path).unwrap();
    std::fs::remove_file(&segments[1].path).unwrap();
    let second = reader::read(&settings.folder, first.end, until, most).unwrap();
    assert_eq!(second.lost, segments[2].first_seq - first.end.seq - 1);
    assert_eq!(second.entries[0].seq, segments[2].first_seq + 1);
    audit.drain(WAIT).await.unwrap();
}

#[actix::test]
async fn the_newest_come_first_page_by_page() {
    let scratch = Scratch::new();
    let settings = Settings { segment_bytes: 2_500, ..settings(&scratch) };
    let audit = start(settings.clone());
    for n in 0..40 {
        let mut request = request(n);
        if n.is_multiple_of(10) {
            request.status = 429;
            request.outcome = Outcome::Denied;
        }
        audit.record(request.into()).await.unwrap();
    }
    let numbers = |page: &Page| -> Vec<u64> {
        page.entries.iter().map(|found| found.record.time().unix_millis() - 1_000_000_000).collect()
    };
    let mut seen = Vec::new();
    let mut query = Query { limit: 7, ..Query::default() };
    loop {
        let page = audit.recent(query.clone()).await.unwrap();
        seen.extend(numbers(&page));
        if page.next.is_none() {
            break;
        }
        query.before = page.next;
    }
    assert_eq!(seen, Vec::from_iter((0..40).rev()));
    let named = |text| Some(Named::cleaned(text));
    let all = Query { limit: 100, ..Query::default() };
    for (case, query, want) in [
        ("a team's", Query { team: named("odd"), limit: 3, ..all.clone() }, vec![39, 37, 35]),
        ("nobody's", Query { team: named("none"), ..all.clone() }, vec![]),
        ("since", Query { since: Some(Time::from_unix_millis(1_000_000_038)), ..all.clone() }, vec![39, 38]),
        ("one status", Query { status: StatusFilter::parse("429"), ..all.clone() }, vec![30, 20, 10, 0]),
        ("a class", Query { status: StatusFilter::parse("4xx"), ..all.clone() }, vec![30, 20, 10, 0]),
        ("an outcome", Query { status: StatusFilter::parse("denied"), ..all.clone() }, vec![30, 20, 10, 0]),
    ] {
        assert_eq!(numbers(&audit.recent(query).await.unwrap()), want, "{case}");
    }
    for text in ["", "xx", "9xx", "99", "600", "Denied"] {
        assert_eq!(StatusFilter::parse(text), None, "{text}");
    }
    audit.drain(WAIT).await.unwrap();
}

#[actix::test]
async fn the_owners_record_stands_wherever_it_is_read() {
    let scratch = Scratch::new();
    let settings = settings(&scratch);
    let audit = start(settings.clone());
    for record in [record(1), reaped(2), record(2), record(3), reaped(3), reaped(4)] {
        audit.record(record).await.unwrap();
    }
    let page = audit.recent(Query { limit: 10, ..Query::default() }).await.unwrap();
    let kept: Vec<bool> =
        page.entries.iter().map(|found| found.record.recorded_by() == RecordedBy::Owner).collect();
    assert_eq!(kept, [false, true, true, true], "4, 3, 2, 1");
    audit.drain(WAIT).await.unwrap();
    let mut lines = Vec::new();
    export(&settings.folder, Span::default(), Format::Jsonl, &mut lines).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    assert_eq!(lines.lines().count(), 4);
    assert_eq!(lines.matches("\"recorded_by\":\"reaper\"").count(), 1);
    let mut table = Vec::new();
    let span = Span {
        since: Some(Time::from_unix_millis(1_000_000_002)),
        until: Some(Time::from_unix_millis(1_000_000_004)),
    };
    export(&settings.folder, span, Format::Csv, &mut table).unwrap();
    let table = String::from_utf8(table).unwrap();
    let rows: Vec<&str> = table.lines().collect();
    assert!(rows[0].starts_with("seq,time,type,request_id,"));
    assert_eq!(rows.len(), 3, "{table}");
    let columns = rows[0].split(',').count();
    assert!(rows.iter().all(|row| row.split(',').count() == columns), "{table}");
}

#[actix::test]
async fn a_name_is_no_formula_in_a_spreadsheet() {
    let scratch = Scratch::new();
    let settings = settings(&scratch);
    let audit = start(settings.clone());
    let mut request = request(1);
    request.model_requested = Some(Named::cleaned("=cmd"));
    audit.record(request.into()).await.unwrap();
    audit.drain(WAIT).await.unwrap();
    let mut table = Vec::new();
    export(&settings.folder, Span::default(), Format::Csv, &mut table).unwrap();
    assert!(String::from_utf8(table).unwrap().contains(",'=cmd,"));
}
