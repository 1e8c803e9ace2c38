//! What deletion leaves behind.

use super::*;

fn delete(options: &str, kib: u64) -> Option<(Image, PathBuf, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    for directory in ["keep", "gone/below"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    for number in 0..60 {
        std::fs::write(root.join(format!("keep/picture {number:02}.jpg")), bytes(number, 5000)).unwrap();
    }
    std::fs::write(root.join("gone/below/video.mp4"), bytes(100, 300_000)).unwrap();
    std::fs::write(root.join("fresh"), bytes(101, 9_000)).unwrap();
    let path = folder.path().join("image");
    make(&path, options, kib, &root)?;
    let mut commands: Vec<String> =
        (0..60).step_by(7).map(|number| format!("rm \"/keep/picture {number:02}.jpg\"")).collect();
    commands.extend(["rm /gone/below/video.mp4", "rmdir /gone/below", "rmdir /gone"].map(String::from));
    debugfs(&path, &commands)?;
    let image = Image::survey(&Ext, std::fs::read(&path).unwrap()).unwrap();
    Some((image, path, folder))
}

#[test]
fn removed_files_come_back_with_name_and_content_while_their_blocks_are_free() {
    for options in
        ["-t ext2 -b 1024", "-t ext3 -b 1024", "-t ext4 -b 1024", "-t ext4 -b 4096 -O bigalloc -C 16384"]
    {
        let Some((image, path, _folder)) = delete(options, 32_000) else { return };
        assert!(image.problems.is_empty(), "{options}: {:#?}", image.problems);
        let digests = image.digests(EntryState::Deleted);
        for number in (0..60).step_by(7) {
            let path = format!("keep/picture {number:02}.jpg");
            assert_eq!(digests.get(&path), Some(&(5000, md5(&bytes(number, 5000)))), "{options}: {path}");
        }
        assert_eq!(
            digests.get("gone/below/video.mp4"),
            Some(&(300_000, md5(&bytes(100, 300_000)))),
            "{options}"
        );
        assert_eq!(image.digests(EntryState::Allocated).len(), 52, "{options}");
        if !options.contains("bigalloc") {
            compare_with_fls(options, &path, &image);
        }
    }
}

/// Everything that `fls` lists as deleted must be listed too.
fn compare_with_fls(name: &str, path: &Path, image: &Image) {
    let Some(lines) = run("fls", &["-r", "-d", "-p", path.to_str().unwrap()]) else { return };
    let mut compared = 0;
    for line in String::from_utf8_lossy(&lines).lines() {
        let Some((front, path)) = line.split_once('\t') else { continue };
        let inode: u64 =
            front.split("* ").nth(1).unwrap_or("").split([':', '(']).next().unwrap().parse().unwrap();
        let listed = image.entries.iter().any(|entry| {
            entry.state != EntryState::Allocated
                && entry.path == path
                && (entry.record == inode || inode == 0)
        });
        assert!(listed, "{name}: {line}");
        compared += 1;
    }
    eprintln!("{name}: {compared} deleted entries listed as fls does");
    assert!(compared > 0, "{name}");
}

#[test]
fn a_deleted_file_whose_blocks_belong_to_another_now_is_lost() {
    let Some((_, path, _folder)) = delete("-t ext2 -b 1024", 32_000) else { return };
    // Only the bitmap decides: the first block of the video is taken again.
    let image = Image::survey(&Ext, std::fs::read(&path).unwrap()).unwrap();
    let first = image.find("gone/below/video.mp4").runs[0].offset / 1024;
    let Some(()) = debugfs(&path, &[format!("setb {first}")]) else { return };
    let image = Image::survey(&Ext, std::fs::read(&path).unwrap()).unwrap();
    let video = image.find("gone/below/video.mp4");
    assert_eq!((video.state, video.content, video.runs.len()), (EntryState::Deleted, Content::Lost, 0));
}

#[test]
fn a_name_in_use_does_not_make_the_remains_of_a_free_inode_certain() {
    let Some((before, path, _folder)) = delete("-t ext2 -b 1024", 32_000) else { return };
    let (free, taken) = (before.find("keep/picture 07.jpg"), before.find("gone/below/video.mp4"));
    let commands = [
        format!("link <{}> /free", free.record),
        format!("link <{}> /taken", taken.record),
        format!("setb {}", taken.runs[0].offset / 1024),
    ];
    let Some(()) = debugfs(&path, &commands) else { return };
    let image = Image::survey(&Ext, std::fs::read(&path).unwrap()).unwrap();
    let found = |path| (image.find(path).state, image.find(path).content, image.find(path).runs.is_empty());
    assert_eq!(found("free"), (EntryState::Allocated, Content::Likely, false));
    assert_eq!(found("taken"), (EntryState::Allocated, Content::Overwritten, true));
    image.problem(ProblemKind::Corrupt, "is named by a directory and not in use");
}

#[test]
fn what_linux_leaves_of_an_inode_is_lost_and_not_a_file_of_zeros() {
    let Some((_, path, _folder)) = delete("-t ext4 -b 1024", 32_000) else { return };
    let inode =
        Image::survey(&Ext, std::fs::read(&path).unwrap()).unwrap().find("keep/picture 07.jpg").record;
    let cleared =
        [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14].map(|slot| format!("sif <{inode}> block[{slot}] 0"));
    let commands = [
        vec![format!("sif <{inode}> block[0] 0xf30a"), format!("sif <{inode}> block[1] 4")],
        cleared.to_vec(),
    ];
    let Some(()) = debugfs(&path, &commands.concat()) else { return };
    let image = Image::survey(&Ext, std::fs::read(&path).unwrap()).unwrap();
    let file = image.find("keep/picture 07.jpg");
    assert_eq!((file.state, file.content), (EntryState::Deleted, Content::Lost));
}

#[test]
fn inodes_without_a_name_are_orphans_when_free_and_allocated_when_not() {
    let Some((before, path, _folder)) = delete("-t ext2 -b 1024", 32_000) else { return };
    let (fresh, video) = (before.find("fresh").record, before.find("gone/below/video.mp4").record);
    let picture = before.find("keep/picture 01.jpg").record;
    // One inode loses its name only; another one all traces of its directory.
    let gone = before.find("gone/below").runs.clone();
    assert!(gone.len() <= 1);
    let commands = ["unlink /fresh".into(), format!("clri <{}>", before.find("gone/below").record)];
    let Some(()) = debugfs(&path, &commands) else { return };
    let image = Image::survey(&Ext, std::fs::read(&path).unwrap()).unwrap();
    let named = image.find(&format!("$OrphanFiles/OrphanFile-{fresh}"));
    assert_eq!((named.state, named.size), (EntryState::Allocated, 9_000));
    image.problem(ProblemKind::Corrupt, "no directory names them");
    let orphan = image.find(&format!("$OrphanFiles/OrphanFile-{video}"));
    assert_eq!((orphan.state, orphan.content, orphan.size), (EntryState::Orphan, Content::Runs, 300_000));
    assert_eq!(image.find("keep/picture 01.jpg").record, picture);
    compare_with_fls("orphans", &path, &image);
}
