//! What a folder holds.

use std::io;

use cap_std::fs::Dir;

/// What a folder has under a name.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    /// A pipe, a socket, a device.
    Other,
}

/// Everything in the folder whose name is UTF-8, each once.
pub(super) fn read(folder: &Dir) -> io::Result<Vec<Entry>> {
    let mut entries = read_all(folder)?;
    entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    entries.dedup_by(|one, other| one.name == other.name);
    Ok(entries)
}

/// The kernel locks a folder for the length of one call, so one call returns the folder's content at one moment.
/// Between two calls, a file that replaces another may get another position (tmpfs, btrfs), before or after the
/// current one. So the whole folder is read in one call, with a larger buffer each time.
///
/// A network file system may return a folder in parts, however large the buffer is; that cannot be avoided.
#[cfg(target_os = "linux")]
fn read_all(folder: &Dir) -> io::Result<Vec<Entry>> {
    use rustix::fs::{Mode, OFlags, SeekFrom, openat, seek};

    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = openat(folder, ".", flags, Mode::empty())?;
    let (mut room, mut calls_before) = (LEAST_ROOM, usize::MAX);
    loop {
        let (entries, calls) = read_with(&open, folder, room)?;
        // The last call finds nothing more.
        if calls <= 2 || calls == calls_before || room >= MOST_ROOM {
            return Ok(entries);
        }
        seek(&open, SeekFrom::Start(0))?;
        (room, calls_before) = (room * 4, calls);
    }
}

/// Enough for some hundred names.
#[cfg(target_os = "linux")]
const LEAST_ROOM: usize = 64 * 1024;
/// Enough for some million names; unused memory costs nothing.
#[cfg(target_os = "linux")]
const MOST_ROOM: usize = LEAST_ROOM << 12;

/// Reads the rest of the folder with a buffer of this size; also returns the number of calls.
#[cfg(target_os = "linux")]
fn read_with(
    open: &rustix::fd::OwnedFd,
    folder: &Dir,
    room: usize,
) -> io::Result<(Vec<Entry>, usize)> {
    use rustix::fs::RawDir;
    use rustix::io::Errno;

    let mut buffer = Vec::with_capacity(room);
    let mut raw = RawDir::new(open, buffer.spare_capacity_mut());
    let (mut entries, mut calls) = (Vec::new(), 0);
    loop {
        calls += usize::from(raw.is_buffer_empty());
        match raw.next() {
            Some(Ok(entry)) => entries.extend(named(&entry, folder)?),
            // The folder was removed.
            None | Some(Err(Errno::NOENT)) => return Ok((entries, calls)),
            Some(Err(Errno::INTR)) => {}
            Some(Err(error)) => return Err(error.into()),
        }
    }
}

#[cfg(target_os = "linux")]
fn named(entry: &rustix::fs::RawDirEntry<'_>, folder: &Dir) -> io::Result<Option<Entry>> {
    use rustix::fs::FileType;

    let Ok(name) = entry.file_name().to_str() else { return Ok(None) };
    if matches!(name, "." | "..") {
        return Ok(None);
    }
    let kind = match entry.file_type() {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        // Not every file system reports the type in the folder.
        FileType::Unknown => match folder.symlink_metadata(name) {
            Ok(metadata) => kind_of(metadata.file_type()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        },
        _ => Kind::Other,
    };
    Ok(Some(Entry { name: name.to_owned(), kind }))
}

/// Without such a call, files that are replaced meanwhile may be missed.
#[cfg(not(target_os = "linux"))]
fn read_all(folder: &Dir) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in folder.entries()? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        match entry.file_type() {
            Ok(kind) => entries.push(Entry { name, kind: kind_of(kind) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(entries)
}

fn kind_of(kind: cap_std::fs::FileType) -> Kind {
    if kind.is_file() {
        Kind::File
    } else if kind.is_dir() {
        Kind::Folder
    } else if kind.is_symlink() {
        Kind::Link
    } else {
        Kind::Other
    }
}
