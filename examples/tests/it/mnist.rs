//! Digits: what is drawn, what is read, and that a small net learns them.
#![allow(dead_code, reason = "the program is included as a module, with its main function")]

#[path = "../../mnist/main.rs"]
mod program;

use probity_autodiff::Key;
use program::images::Images;
use program::options::{Options, parse};
use program::{idx, images, run};
use std::fs;
use std::path::Path;

const SIZE: (usize, usize) = (16, 16);

#[test]
fn drawn_digits_look_like_their_labels() {
    let [train, test] = [1, 2].map(|seed| Images::digits(SIZE, 500, Key::new(seed)));
    assert!(train.ink.iter().all(|x| (0.0..=1.0).contains(x)));
    assert_eq!(train, Images::digits(SIZE, 500, Key::new(1)));
    assert_ne!(train.ink, test.ink);
    // The nearest mean image of a class.
    let rows = |digit: usize| (0..500).filter(|i| i % 10 == digit).collect::<Vec<_>>();
    let mean = |digit: usize| train.ink.select_rows(&rows(digit)).row_mean();
    let means: Vec<_> = (0..10).map(mean).collect();
    let near = |i: usize| {
        let far = |d: &usize| (test.ink.row(i) - &means[*d]).norm();
        (0..10).min_by(|a, b| far(a).total_cmp(&far(b))).unwrap()
    };
    let hits = (0..500).filter(|i| near(*i) == test.labels[*i]).count();
    // By chance 50 ± 7.
    assert!(hits > 250, "{hits}");
    let letters = Images::letters(SIZE, 30, Key::new(3));
    assert_eq!((letters.labels[14], letters.labels[15]), (14, 0));
}

#[test]
fn four_quarters_are_a_whole_turn() {
    let digits = Images::digits(SIZE, 3, Key::new(1));
    let once = digits.turned();
    assert_ne!(once, digits);
    // The top left corner comes to the top right.
    assert_eq!(once.ink[(0, 15)], digits.ink[(0, 0)]);
    assert_eq!(once.turned().turned().turned(), digits);
    let wide = Images::digits((3, 5), 2, Key::new(1)).turned();
    assert_eq!((wide.size, wide.ink.ncols()), ((3, 5), 15));
}

/// IDX files of images and labels.
fn write(folder: &Path, part: &str, digits: &Images, mark: char) {
    let size = |n: usize| (n as u32).to_be_bytes();
    let (n, (high, wide)) = (digits.len(), digits.size);
    let mut bytes = vec![0, 0, 8, 3];
    [n, high, wide].map(size).iter().for_each(|s| bytes.extend(s));
    (0..n).for_each(|i| bytes.extend(digits.ink.row(i).iter().map(|x| (255.0 * x).round() as u8)));
    fs::write(folder.join(format!("{part}-images{mark}idx3-ubyte")), bytes).unwrap();
    let mut bytes = vec![0, 0, 8, 1];
    bytes.extend(size(n));
    bytes.extend(digits.labels.iter().map(|l| *l as u8));
    fs::write(folder.join(format!("{part}-labels{mark}idx1-ubyte")), bytes).unwrap();
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "train", &Images::digits((12, 10), 40, Key::new(1)), '-');
    write(folder.path(), "t10k", &Images::digits((12, 10), 20, Key::new(2)), '.');
    folder
}

#[test]
fn idx_files_read_back() {
    let folder = folder();
    let [train, test] = idx::read(folder.path()).unwrap();
    let drawn = Images::digits((12, 10), 40, Key::new(1));
    assert_eq!((train.size, &train.labels, test.len()), ((12, 10), &drawn.labels, 20));
    assert!((&train.ink - drawn.ink).amax() <= 0.5 / 255.0 + 1e-12);
    let options = Options { data: Some(folder.path().into()), test: Some(7), ..Options::default() };
    let ([train, test], others) = images(&options).unwrap();
    assert_eq!((train.len(), test.len(), others[0].1.size), (40, 7, (12, 10)));
}

#[test]
fn files_that_do_not_fit_are_one_sentence() {
    let says = |change: &dyn Fn(&Path), what: &str| {
        let folder = folder();
        change(folder.path());
        let error = idx::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains(what) && !error.contains('\n'), "{error}");
    };
    let edit = |folder: &Path, name: &str, f: &dyn Fn(&mut Vec<u8>)| {
        let path = folder.join(name);
        let mut bytes = fs::read(&path).unwrap();
        f(&mut bytes);
        fs::write(path, bytes).unwrap();
    };
    let images = "train-images-idx3-ubyte";
    says(&|f| fs::remove_file(f.join(images)).unwrap(), "has no file train-images-idx3-ubyte");
    says(&|f| edit(f, images, &|b| b.truncate(9)), "is no IDX file");
    says(&|f| edit(f, images, &|b| b[0] = 31), "is no IDX file");
    says(&|f| edit(f, images, &|b| b[2] = 13), "has numbers of type 13");
    says(&|f| edit(f, images, &|b| b.truncate(100)), "should have [40, 12, 10] numbers, and has 84");
    // Sizes whose product is out of range.
    says(&|f| edit(f, images, &|b| b[4..16].fill(255)), "should have");
    says(&|f| edit(f, "t10k-labels.idx1-ubyte", &|b| b[9] = 10), "label 1 of t10k is 10");
    says(
        &|f| write(f, "t10k", &Images::digits((3, 3), 20, Key::new(2)), '-'),
        "12 × 10, those to score 3 × 3",
    );
    says(
        &|f| edit(f, "train-labels-idx1-ubyte", &|b| (b[7], _) = (39, b.pop())),
        "40 images of train have 39 labels",
    );
}

#[test]
fn a_small_net_learns_digits_and_draws_them() {
    let out = tempfile::tempdir().unwrap();
    let line = ["mnist", "--train", "400", "--test", "100", "--hidden", "20", "--steps", "200", "--out"];
    let arguments = line.iter().map(|a| (*a).to_owned()).chain([out.path().display().to_string()]);
    let options = parse(lexopt::Parser::from_iter(arguments)).unwrap().unwrap();
    let [bayesian, point] = run(&options).unwrap();
    // Chance is .1 with a standard error of .03.
    assert!(bayesian.accuracy > 0.5 && point.accuracy > 0.5, "{bayesian:?} {point:?}");
    assert!(bayesian.nll.is_finite() && bayesian.decided[2] >= bayesian.accuracy);
    // A net of one point knows no doubt that more data would remove.
    assert_eq!(point.by_information, [0.5; 3]);
    assert!(bayesian.by_information[2] > 0.6, "{bayesian:?}");
    let svg = fs::read_to_string(out.path().join("digits.svg")).unwrap();
    for text in ["not sure: ", "letter A: ", "turned 0: ", "noise: "] {
        assert!(svg.contains(text), "{text}");
    }
    assert!(fs::read(out.path().join("digits.png")).unwrap().starts_with(b"\x89PNG"));
    // The same bits again, by another kind of net and another posterior.
    let again = |conv: bool, method| {
        let (train, test, steps) = (Some(60), Some(10), Some(5));
        let out = out.path().to_path_buf();
        run(&Options { conv, method, train, test, steps, hidden: vec![4], out, ..Options::default() })
            .unwrap()
    };
    assert_eq!(again(true, None)[0].nll, again(true, None)[0].nll);
    assert!(again(false, Some("laplace-last-layer"))[0].nll.is_finite());
}

#[test]
fn options_that_are_none_are_one_sentence() {
    let error = |more: &[&str]| {
        let parsed = parse(lexopt::Parser::from_iter([&["mnist"], more].concat()));
        parsed.map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(error(&["--cov"]), "unknown option --cov; did you mean --conv?");
    assert_eq!(error(&["--train", "0"]), "the option --train needs a whole number of at least 1, not \"0\"");
    assert!(error(&["--method", "magic"]).starts_with("the option --method needs one of map, "));
}
