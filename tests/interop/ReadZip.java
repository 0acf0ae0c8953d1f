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
    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("file")) {
            readFile(arguments[1], List.of(arguments).subList(2, arguments.length));
        } else {
            readStream(System.in);
        }
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
        byte[] block = new byte[1 << 16];
        for (int count; (count = data.read(block)) > 0; ) {
            digest.update(block, 0, count);
            crc32.update(block, 0, count);
        }
        // ZipFile leaves the checksum of stored data to its caller.
        if (crc32.getValue() != entry.getCrc()) {
            throw new ZipException("CRC of " + entry.getName());
        }
        System.out.printf("%s\t%s\t%d%n",
            hex(entry.getName().getBytes(StandardCharsets.UTF_8)),
            hex(digest.digest()),
            entry.getLastModifiedTime().to(TimeUnit.SECONDS));
    }

    static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }
}
