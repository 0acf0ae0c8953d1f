// Prints a line for each entry of an archive: name in hexadecimal, SHA-256, mtime in Unix seconds.
// "file" reads by the central directory, "stream" by the local headers alone.
// With names after the archive's, only these entries are read.

import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.*;
import java.util.*;
import java.util.concurrent.TimeUnit;
import java.util.zip.*;

class ReadZip {
    static final PrintStream OUTPUT =
        new PrintStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16));
    static final byte[] BLOCK = new byte[1 << 16];

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("file")) {
            readFile(arguments[1], List.of(arguments).subList(2, arguments.length));
        } else {
            readStream(System.in);
        }
        OUTPUT.flush();
    }

    static void readFile(String path, List<String> names) throws Exception {
        try (ZipFile archive = new ZipFile(path)) {
            for (ZipEntry entry : Collections.list(archive.entries())) {
                if (!names.isEmpty() && !names.contains(entry.getName())) {
                    continue;
                }
                try (InputStream data = archive.getInputStream(entry)) {
                    print(entry, data);
                }
            }
        }
    }

    static void readStream(InputStream input) throws Exception {
        ZipInputStream archive = new ZipInputStream(new BufferedInputStream(input, 1 << 16));
        for (ZipEntry entry; (entry = archive.getNextEntry()) != null; ) {
            print(entry, archive);
        }
    }

    static void print(ZipEntry entry, InputStream data) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        CRC32 crc32 = new CRC32();
        for (int count; (count = data.read(BLOCK)) > 0; ) {
            digest.update(BLOCK, 0, count);
            crc32.update(BLOCK, 0, count);
        }
        // ZipFile leaves the checksum of stored data to its caller.
        if (crc32.getValue() != entry.getCrc()) {
            throw new ZipException("CRC of " + entry.getName());
        }
        OUTPUT.println(hex(entry.getName().getBytes(StandardCharsets.UTF_8))
            + "\t" + hex(digest.digest())
            + "\t" + entry.getLastModifiedTime().to(TimeUnit.SECONDS));
    }

    static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }
}
