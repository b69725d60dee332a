//! Tests of reading and dividing tables: every error sentence once, and the quirks of real files.

use super::*;

fn error(text: &str) -> String {
    let error = Table::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(!error.contains('\n') && !error.ends_with('.'), "{error}");
    error
}

#[test]
fn reads_what_spreadsheets_write() {
    let expected =
        Table { names: vec!["a".into(), "b, c".into()], rows: vec![vec![1.0, -2e3], vec![0.5, 4.0]] };
    for text in [
        "a,\"b, c\"\n1,-2e3\n0.5,4\n",
        "\u{feff}a,\"b, c\"\r\n1,-2e3\r\n0.5,4\r\n\r\n\r\n",
        "a , \"b, c\"\n 1,\" -2e3\"\n\n.5, +4 \n   \n",
    ] {
        let text = text.replace("a , \"", "a ,\"");
        assert_eq!(Table::parse(text.as_bytes()).unwrap(), expected, "{text:?}");
    }
}

#[test]
fn unreadable_files_are_named() {
    let denied = io::Error::from(io::ErrorKind::PermissionDenied);
    let message = unreadable(Path::new("t.csv"), &denied).to_string();
    assert_eq!(message, "the file t.csv cannot be read: permission denied");
}

#[test]
fn binary_files_are_refused_with_the_line() {
    for bytes in [&b"a,b\n1,2\n1,\xff\n"[..], b"a,b\n1,2\n1,\0\n", b"a,b\n\n\x89PNG"] {
        assert_eq!(Table::parse(bytes), Err(TableError::NotText { line: 3 }));
    }
    let utf16: Vec<u8> = "x,y\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(Table::parse(&utf16), Err(TableError::NotText { line: 1 }));
}

#[test]
fn too_little_data() {
    for text in ["", "\n \r\n\n", "\u{feff}"] {
        assert!(error(text).starts_with("the file is empty"), "{text:?}");
    }
    assert!(error("a,b\n").starts_with("the table has no row after its header"));
    assert!(error("a,b\n1,2\n\n").starts_with("the table has only one row after its header"));
}

#[test]
fn headers() {
    assert!(
        error("1,2\n3,4\n5,6\n")
            .contains("must be a header with the column names, but it holds only numbers (1,2)")
    );
    assert_eq!(error("a,b,a\n1,2,3\n"), "the column name \"a\" appears more than once in the header");
    assert_eq!(error("a,,b\n1,2,3\n"), "column 2 has no name in the header");
    // A year is a fair column name as long as the header is not all numbers.
    assert!(Table::parse(b"2019,y\n1,2\n3,4\n").is_ok());
}

#[test]
fn values_are_named_by_line_and_column() {
    assert_eq!(error("a,b\n1,2\n3,four\n"), "line 3, column \"b\": \"four\" is not a number");
    assert_eq!(error("a,b\n1,2\n,4\n"), "line 3, column \"a\": the value is missing");
    assert_eq!(error("a,b\n1,NaN\n3,4\n"), "line 2, column \"b\": NaN is not a finite number");
    assert_eq!(error("a,b\n1,2\n-inf,4\n"), "line 3, column \"a\": -inf is not a finite number");
    assert_eq!(error("a,b\n1,2\n1e999,4\n"), "line 3, column \"a\": 1e999 is not a finite number");
    assert_eq!(error("a,b\n1,2\n3\n"), "line 3: expected 2 values, as in the header, but found 1");
    assert_eq!(error("a,b\n1,2\n3,4,5\n"), "line 3: expected 2 values, as in the header, but found 3");
    let long = format!("a,b\n1,2\n3,{}\n", "long\u{7}".repeat(1000));
    assert!(error(&long).len() < 130);
}

#[test]
fn lines_are_counted_over_blank_lines_and_quoted_breaks() {
    assert_eq!(error("\n\na,b\n\n1,2\n\n\n3,x\n"), "line 8, column \"b\": \"x\" is not a number");
    assert_eq!(error("a,b\r\n\r\n1,2\r\n  \r\n3,x\r\n"), "line 5, column \"b\": \"x\" is not a number");
    assert_eq!(error("\"a\nz\",b\n1,2\n3,x\n"), "line 4, column \"b\": \"x\" is not a number");
}

#[test]
fn lines_may_end_in_cr_alone() {
    let table = Table::parse(b"a,b\r1,2\r\r3,4\r").unwrap();
    assert_eq!(table.rows, [[1.0, 2.0], [3.0, 4.0]]);
    assert_eq!(error("a,b\r1,2\r3,x\r"), "line 3, column \"b\": \"x\" is not a number");
    assert_eq!(error("\r\ra,b\r\r1,2\n3,4\r\n5,x"), "line 7, column \"b\": \"x\" is not a number");
    assert_eq!(error("\"a\rz\",b\r1,2\r3\r"), "line 4: expected 2 values, as in the header, but found 1");
    assert_eq!(Table::parse(b"a,b\r1,2\r1,\xff\r"), Err(TableError::NotText { line: 3 }));
}

#[test]
fn quotes_are_those_of_rfc_4180() {
    let after = "text follows a closing quote";
    assert_eq!(error("a,b\n1,2\n\"3\"x,4\n"), format!("line 3: {after}"));
    assert_eq!(error("a,b\n1,2\n\"3\"5,4\n"), format!("line 3: {after}"));
    assert_eq!(error("\"a\" x,b\n1,2\n3,4\n"), format!("line 1: {after}"));
    assert_eq!(error("\"a\" \"x\",b\n1,2\n3,4\n"), format!("line 1: {after}"));
    let open = "a quote is opened here and never closed";
    assert_eq!(error("a,b\r\n1,2\r\n\"3,4\r\n5,6\r\n"), format!("line 3: {open}"));
    assert_eq!(error("a,\"b\n1,2\n3,4\n"), format!("line 1: {open}"));
    assert_eq!(error("a,b\n1,2\n3,\""), format!("line 3: {open}"));
    assert_eq!(error("a,b\n1,2\n\"3\"\"\",\"\"\"4\n"), format!("line 3: {open}"));
    let inside = "a quote stands inside a value that does not begin with one";
    assert_eq!(error("a,b\n1,2\n3,4\"\n"), format!("line 3: {inside}"));
    assert_eq!(error("a, \"b\"\n1,2\n3,4\n"), format!("line 1: {inside}"));
    let table = Table::parse(b"\"a\"\"\" ,\"\n,b\"\t\n\"1\" ,\"2\"\n3,4").unwrap();
    assert_eq!(table.names, ["a\"", ",b"]);
    assert_eq!(table.rows, [[1.0, 2.0], [3.0, 4.0]]);
}

#[test]
fn a_table_may_be_wide() {
    let names: Vec<String> = (0..100_000).map(|i| format!("column {i}")).collect();
    let row = vec!["1"; 100_000].join(",");
    let start = std::time::Instant::now();
    let table = Table::parse(format!("{}\n{row}\n{row}\n", names.join(",")).as_bytes()).unwrap();
    assert_eq!(table.names.len(), 100_000);
    let twice = format!("{},column 7\n{row}\n", names.join(","));
    assert_eq!(error(&twice), "the column name \"column 7\" appears more than once in the header");
    // Comparing each name with all before it takes 5e9 comparisons, some ten seconds; a set a few
    // milliseconds.
    assert!(start.elapsed().as_secs_f64() < 4.0);
}

#[test]
fn the_target_is_chosen_by_name_or_last() {
    let table = Table::parse(b"a,b,c\n1,2,3\n4,5,6\n").unwrap();
    let last = table.with_target(None).unwrap();
    assert_eq!((last.target_name.as_str(), last.target), ("c", vec![3.0, 6.0]));
    assert_eq!(last.features, [[1.0, 2.0], [4.0, 5.0]]);
    let middle = table.with_target(Some("b")).unwrap();
    assert_eq!((middle.feature_names, middle.target), (vec!["a".into(), "c".into()], vec![2.0, 5.0]));
    assert_eq!(middle.features, [[1.0, 3.0], [4.0, 6.0]]);
    let message = table.with_target(Some("d")).unwrap_err().to_string();
    assert_eq!(message, "there is no column \"d\"; the columns are a, b, c");
    let wide = Table { names: (0..500).map(|i| format!("x{i}")).collect(), rows: table.rows };
    assert!(wide.with_target(Some("d")).unwrap_err().to_string().ends_with("x18, x19 and 480 more"));
}

#[test]
fn a_lone_column_is_explained() {
    let plain = "the only column is \"y\", but a target and at least one feature are needed";
    assert_eq!(error("y\n1\n2\n"), plain);
    assert!(error("x;y\n1;2\n3;4\n").ends_with("needed; separate the columns by commas"));
}

#[test]
fn constants_are_found() {
    let table = Table::parse(b"a,b,y\n1,7,3\n2,7,4\n3,7,5\n4,7,6\n").unwrap();
    let split = table.with_target(None).unwrap().split(0.1, 1).unwrap();
    assert_eq!(split.dropped, ["b"]);
    assert_eq!(split.train.feature_names, ["a"]);
    assert!(split.train.features.iter().chain(&split.test.features).all(|row| row.len() == 1));

    let flat = table.with_target(Some("b")).unwrap_err().to_string();
    assert_eq!(flat, "the target \"b\" has the same value 7 in every row, so there is nothing to learn");
    let useless = Table::parse(b"a,y\n7,3\n7,4\n7,5\n").unwrap().with_target(None).unwrap().split(0.1, 1);
    assert_eq!(useless, Err(TableError::ConstantFeatures));
    // Whichever row is held out, one training row is left, and one value does not vary.
    let two = Table::parse(b"a,y\n7,3\n8,4\n").unwrap().with_target(None).unwrap().split(0.1, 1).unwrap_err();
    assert!(two.to_string().contains("in every row of the training part"));
}

#[test]
fn a_split_is_a_partition_that_the_seed_fixes() {
    let rows = (0..506).map(|i| vec![f64::from(i), f64::from(i) + 0.5]).collect();
    let data = Table { names: vec!["x".into(), "y".into()], rows }.with_target(None).unwrap();
    let split = data.split(0.1, 7).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (455, 51));
    let mut all: Vec<f64> = split.train.target.iter().chain(&split.test.target).copied().collect();
    all.sort_by(f64::total_cmp);
    assert_eq!(all, data.target);
    for part in [&split.train, &split.test] {
        assert!(part.features.iter().zip(&part.target).all(|(row, y)| row[0] + 0.5 == *y));
    }
    assert_eq!(split, data.split(0.1, 7).unwrap());
    assert_ne!(split, data.split(0.1, 8).unwrap());
    for fraction in [0.0, -1.0, 1.0, 9.0, f64::NAN] {
        let split = data.split(fraction, 7);
        assert!(split.map_or(true, |s| !s.train.is_empty() && !s.test.is_empty()));
    }
}

#[test]
fn every_row_is_tested_about_equally_often() {
    let mut first = [0_u32; 10];
    for seed in 0..10_000 {
        first[shuffled(10, seed)[0]] += 1;
    }
    // A count has mean 1000 and standard deviation 30; five of them either way.
    assert!(first.iter().all(|count| (850..1150).contains(count)), "{first:?}");
}
