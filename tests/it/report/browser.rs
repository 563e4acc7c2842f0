//! The page in a browser.

use crate::report::stage;
use migrate_tests::sets::folder_of;
use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The browser. If the machine has none, reports that and returns none; not with `eprintln!`, whose output is
/// shown only for tests that fail.
fn browser() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let found = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file());
    if found.is_none() {
        migrate_tests::skipped("Chromium (apt-get install chromium)");
    }
    found
}

/// The screen widths to try, in pixels: a phone, a tablet, a desktop.
const WIDTHS: [u32; 3] = [360, 768, 1280];

/// Loads each page into frames of these widths, opens everything that can be opened, and measures. The pages
/// are passive: they run no script.
fn measuring(pages: &[&str]) -> String {
    let escaped = |page: &str| page.replace('&', "&amp;").replace('"', "&quot;");
    let frames = pages.iter().flat_map(|page| {
        WIDTHS.iter().map(move |width| {
            format!(
                "<iframe scrolling=no style=\"width:{width}px;height:800px;border:0\" srcdoc=\"{}\"></iframe>",
                escaped(page)
            )
        })
    });
    let script = "addEventListener('load', () => {
        const measured = [...document.querySelectorAll('iframe')].map(frame => {
            const page = frame.contentDocument;
            page.querySelectorAll('details').forEach(details => details.open = true);
            const box = page.querySelector('.diagram').getBoundingClientRect();
            return [page.documentElement.clientWidth, page.documentElement.scrollWidth, Math.round(box.width)].join(' ');
        });
        document.body.textContent = 'measured ' + measured.join(', ') + ';';
    })";
    format!(
        "<!doctype html><title>measuring</title><body>{}<script>{script}</script>",
        frames.collect::<String>()
    )
}

/// The measurements of each frame: the widths of the screen, of the page, and of its drawing.
fn measured(dom: &str) -> Vec<[u32; 3]> {
    let (_, rest) =
        dom.split_once("<body>measured ").unwrap_or_else(|| panic!("nothing was measured: {dom}"));
    let (frames, _) = rest.split_once(';').unwrap();
    let numbers = |frame: &str| frame.split(' ').map(|number| number.parse().unwrap()).collect::<Vec<u32>>();
    frames.split(", ").map(|frame| numbers(frame).try_into().unwrap()).collect()
}

#[tokio::test]
async fn a_page_fits_the_screen_and_the_browser_has_nothing_to_complain_of() {
    let Some(browser) = browser() else { return };
    let database = stage::database().await;
    let page = stage::report(&database).await.to_html();
    // Proves that a page that does not fit would be detected, and so would one that violates its own policy.
    let wide = page
        .replace("<footer>", "<footer><script>1</script><p>")
        .replace("</style>", "footer p{width:2000px}</style>");
    let folder = folder_of(&[("fits.html", &measuring(&[&page])), ("wide.html", &measuring(&[&wide]))]);
    let shown = |name: &str| {
        let shown = Command::new(&browser)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--enable-logging=stderr",
                "--dump-dom",
            ])
            .arg(format!("--user-data-dir={}", folder.path().join("browser").display()))
            .arg(format!("file://{}", folder.path().join(name).display()))
            .output()
            .unwrap();
        (
            String::from_utf8_lossy(&shown.stdout).into_owned(),
            String::from_utf8_lossy(&shown.stderr).into_owned(),
        )
    };

    let (dom, log) = shown("fits.html");
    for ([screen, page, drawing], width) in measured(&dom).into_iter().zip(WIDTHS) {
        assert_eq!((screen, page), (width, width), "the page is as wide as the screen");
        assert!(drawing > 100, "the drawing is there: {drawing}");
    }
    let complaints: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert_eq!(complaints, [] as [&str; 0]);

    let (dom, log) = shown("wide.html");
    assert!(measured(&dom)[0][1] > 2000 && log.contains("CONSOLE"), "what is wrong is seen: {dom} {log}");
}
