//! Attached devices: scanned untouched, refused while others write to them, lost in the middle of a scan.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::kit::{Kit, demo_image, demo_list, has, md5, noise, paths, sha256};

/// A loop device over a file, detached in the end.
struct Loop(PathBuf);

impl Loop {
    /// `None`, said aloud, where loop devices cannot be had.
    fn over(file: &Path, options: &[&str]) -> Option<Self> {
        if !has("losetup") {
            return None;
        }
        let done =
            Command::new("losetup").args(["--find", "--show"]).args(options).arg(file).output().unwrap();
        if !done.status.success() {
            eprintln!("SKIPPED: no loop device: {}", String::from_utf8_lossy(&done.stderr));
            return None;
        }
        let device = Self(String::from_utf8(done.stdout).unwrap().trim().into());
        if !options.contains(&"--read-only") {
            let _ = Command::new("blockdev").arg("--setrw").arg(&device.0).status();
        }
        // A kernel may not know the kind of table; partx tells it where the partitions are.
        let told = Command::new("partx").args(["--add"]).arg(&device.0).output();
        if !device.partition(1).exists() {
            eprintln!("SKIPPED: the kernel shows no partitions: {told:?}");
            return None;
        }
        Some(device)
    }

    fn partition(&self, number: u32) -> PathBuf {
        format!("{}p{number}", self.0.display()).into()
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("partx").args(["--delete"]).arg(&self.0).output();
        // The flag outlives what the device stood for.
        let _ = Command::new("blockdev").arg("--setrw").arg(&self.0).output();
        let _ = Command::new("losetup").arg("-d").arg(&self.0).status();
    }
}

/// A mount, undone in the end, and the process that serves it where that is one of ours.
struct Mounted(PathBuf, Option<std::process::Child>);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = self.1.as_mut().map(std::process::Child::wait);
    }
}

/// The demonstration medium as a raw file.
fn medium(kit: &Kit) -> Option<PathBuf> {
    if !has("ewfexport") {
        return None;
    }
    let target = kit.path("stick");
    let done = Command::new("ewfexport")
        .args(["-q", "-u", "-f", "raw", "-t"])
        .arg(&target)
        .arg(demo_image())
        .output();
    assert!(done.unwrap().status.success());
    Some(kit.path("stick.raw"))
}

fn scan(kit: &Kit, source: &Path, options: &[&str]) -> super::kit::Done {
    let list = demo_list("demo-pictures.json");
    let mut arguments =
        vec!["scan", source.to_str().unwrap(), "--profile", "uk", "--alert", list.to_str().unwrap()];
    arguments.extend(options);
    kit.run(arguments)
}

#[test]
fn a_device_gives_what_its_image_gives_and_nothing_of_it_changes() {
    let kit = Kit::new();
    let Some(file) = medium(&kit) else { return };
    let before =
        (sha256(std::fs::read(&file).unwrap()), std::fs::metadata(&file).unwrap().modified().unwrap());
    let Some(device) = Loop::over(&file, &["--read-only"]) else { return };
    let done = scan(&kit, &device.0, &["--out", "of-device", "--write-blocker", "T8u 1234"]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    let image = scan(&kit, &demo_image(), &["--out", "of-image"]);
    assert_eq!(image.code, 1, "{}{}", image.stdout, image.stderr);
    let found = |out: &str| {
        let report = |name| {
            let mut files = run_files(&kit.path(out), name);
            std::fs::read_to_string(files.remove(0)).unwrap()
        };
        (paths(&serde_json::from_str(&report("findings.json")).unwrap()), report("journal.jsonl"))
    };
    let (of_device, journal) = found("of-device");
    assert_eq!(of_device, found("of-image").0);
    assert!(journal.contains("\"read_only\":true") && journal.contains("T8u 1234"), "{journal}");
    let listed = kit.run(["devices", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let disks = listed["disks"].as_array().unwrap();
    let ours = disks.iter().find(|disk| disk["path"] == device.0.to_str().unwrap()).unwrap();
    assert_eq!((&ours["read_only"], &ours["bus"]), (&true.into(), &"loop".into()), "{ours}");
    assert_eq!(ours["partitions"].as_array().unwrap().len(), 2, "{ours}");
    let volumes = ours["contents"]["volumes"].as_array().unwrap();
    let kinds: Vec<&str> = volumes.iter().filter_map(|volume| volume["filesystem"].as_str()).collect();
    assert_eq!(kinds, ["FAT32", "ext4"], "{ours}");
    let after =
        (sha256(std::fs::read(&file).unwrap()), std::fs::metadata(&file).unwrap().modified().unwrap());
    assert_eq!(before, after);
}

fn run_files(folder: &Path, name: &str) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().into_path());
    entries.filter(|path| path.file_name().is_some_and(|own| own == name)).collect()
}

#[test]
fn a_device_that_others_may_write_to_is_refused_unless_that_is_accepted() {
    let kit = Kit::new();
    let Some(file) = medium(&kit) else { return };
    let Some(device) = Loop::over(&file, &[]) else { return };
    let place = kit.path("mount");
    std::fs::create_dir(&place).unwrap();
    let mounted = Command::new("mount").arg(device.partition(2)).arg(&place).output().unwrap();
    if !mounted.status.success() {
        return eprintln!("SKIPPED: nothing can be mounted: {}", String::from_utf8_lossy(&mounted.stderr));
    }
    let mounted = Mounted(place.clone(), None);
    let refused = scan(&kit, &device.0, &[]);
    assert_eq!(refused.code, 3, "{}{}", refused.stdout, refused.stderr);
    for words in ["mounted for writing at", "--accept-mounted", "umount"] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    let set = scan(&kit, &device.0, &["--set-read-only"]);
    assert_eq!(set.code, 3, "{}{}", set.stdout, set.stderr);
    assert!(set.stderr.contains("unmount it first"), "{}", set.stderr);
    assert!(kit.runs().is_empty());
    let accepted = scan(&kit, &device.0, &["--accept-mounted"]);
    assert_eq!(accepted.code, 1, "{}{}", accepted.stdout, accepted.stderr);
    let html = std::fs::read_to_string(kit.only_run().join("report.html")).unwrap();
    assert!(html.contains("mounted for writing at"));
    drop(mounted);
}

#[test]
fn the_kernel_refuses_writes_when_it_is_told_to_and_the_record_says_so() {
    let kit = Kit::new();
    let Some(file) = medium(&kit) else { return };
    let Some(device) = Loop::over(&file, &[]) else { return };
    let refused = |path: &Path| {
        let flag = Command::new("blockdev").arg("--getro").arg(path).output().unwrap();
        String::from_utf8_lossy(&flag.stdout).trim() == "1"
    };
    assert!(!refused(&device.0));
    let done = scan(&kit, &device.0, &["--set-read-only"]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    assert!(refused(&device.0) && refused(&device.partition(1)) && refused(&device.partition(2)));
    let html = std::fs::read_to_string(kit.only_run().join("report.html")).unwrap();
    assert!(html.contains("--set-read-only") && html.contains("read back"), "not in the report");
    let write =
        std::fs::File::options().write(true).open(&device.0).and_then(|mut open| open.write_all(b"x"));
    assert!(write.is_err());
}

/// An image on a file system in user space, whose end is as sudden as that of a pulled cable.
#[test]
fn an_unplugged_source_ends_incomplete_with_its_findings_and_the_others_go_on() {
    let kit = Kit::new();
    if ["ntfs-3g", "mkntfs", "mkfs.ext4", "strace", "pkill"].iter().any(|tool| !has(tool)) {
        return;
    }
    let Some(_mounted) = far_image(&kit) else { return };
    // A list with sizes: what has one of them comes first.
    let head = "%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n";
    let list = kit.write("list.txt", format!("{head}5000,{},wanted.bin\n", md5(noise(1, 5000))));
    let demo = demo_image();
    let mut child = kit
        .command(["scan", "far/image.dd", demo.to_str().unwrap(), "--alert", list.to_str().unwrap()])
        .args(["--alert".as_ref(), demo_list("demo-pictures.json").as_os_str()])
        .args(["--profile", "uk", "--show-names", "--threads", "2"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("MATCH") && line.contains("wanted.bin")), "it was never found");
    let pid = Command::new("pkill").args(["-KILL", "-f"]).arg(kit.path("far.ntfs")).status().unwrap();
    assert!(pid.success());
    let unplugged = Instant::now();
    let rest: Vec<String> = lines.collect();
    let code = child.wait().unwrap().code();
    assert!(unplugged.elapsed() < Duration::from_secs(30), "{:?}", unplugged.elapsed());
    let shown = rest.join("\n");
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("does not answer any more"), "{shown}");
    assert!(shown.contains("the source stopped answering"), "{shown}");
    let findings = paths(&kit.findings());
    assert!(findings.iter().any(|path| path.ends_with("wanted.bin")), "{findings:?}");
    assert!(findings.len() > 3, "the other source went on: {findings:?}");
}

/// Mounts a volume that holds a large image with the wanted file and many others.
fn far_image(kit: &Kit) -> Option<Mounted> {
    let run = |program: &str, arguments: &[&str]| {
        let paths = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
        let done =
            Command::new(program).args(arguments).current_dir(kit.path("")).env("PATH", paths).output();
        let done = done.unwrap();
        if !done.status.success() {
            eprintln!("SKIPPED: {program}: {}", String::from_utf8_lossy(&done.stderr));
        }
        done.status.success()
    };
    kit.write("root/wanted.bin", noise(1, 5000));
    for number in 0..200 {
        kit.write(&format!("root/f{number:03}"), noise(1000 + number, 2 << 20));
    }
    let made = run("mkfs.ext4", &["-q", "-F", "-d", "root", "image.dd", "600m"]);
    std::fs::remove_dir_all(kit.path("root")).unwrap();
    std::fs::create_dir(kit.path("far")).unwrap();
    let ntfs = std::fs::File::create(kit.path("far.ntfs")).unwrap();
    ntfs.set_len(900 << 20).unwrap();
    let path = kit.path("far.ntfs").to_str().unwrap().to_owned();
    let mounted = made && run("mkntfs", &["-F", "-Q", "-q", &path]) && run("ntfs-3g", &[&path, "far"]);
    if !mounted {
        return None;
    }
    std::fs::copy(kit.path("image.dd"), kit.path("far/image.dd")).unwrap();
    assert!(run("umount", &["far"]));
    // Again, as slow as an old stick: each of its readings takes two milliseconds.
    let slow = ["-f", "-o", "/dev/null", "-e", "trace=pread64", "-e", "inject=pread64:delay_exit=2000"];
    let mount = ["ntfs-3g", "-o", "no_detach,ro", &path, "far"];
    let mut strace = Command::new("strace");
    strace.args(slow).args(mount).current_dir(kit.path("")).stdout(Stdio::null()).stderr(Stdio::null());
    let mounted = Mounted(kit.path("far"), Some(strace.spawn().unwrap()));
    let patience = Instant::now();
    while !kit.path("far/image.dd").exists() {
        assert!(patience.elapsed() < Duration::from_secs(20), "it was not mounted again");
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(mounted)
}

#[test]
fn one_source_can_be_stopped_alone() {
    let kit = Kit::new();
    for number in 0..60_u64 {
        let large = kit.write(&format!("slow/{number}"), "");
        std::fs::File::options().write(true).open(large).unwrap().set_len(200_000_000 + number).unwrap();
    }
    kit.write("list.txt", format!("{}\n", md5(noise(7, 900))));
    kit.write("quick/wanted", noise(7, 900));
    let mut child = kit
        .command(["scan", "slow", "quick", "--alert", "list.txt", "--threads", "2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = child.stdin.take().unwrap();
    writeln!(keys, "1").unwrap();
    let done = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&done.stdout);
    assert_eq!(done.status.code(), Some(1), "{shown}");
    assert!(shown.contains("stopped alone by the operator"), "{shown}");
    let slow = shown.lines().find(|line| line.starts_with("slow: ")).unwrap_or_default();
    assert!(slow.ends_with("examination incomplete"), "{shown}");
    assert!(shown.contains("quick: MATCH, examination complete"), "{shown}");
    drop(keys);
}
