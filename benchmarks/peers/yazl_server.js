// yazl under Node's own HTTP server: stored entries.
// The length that it foretells is 76 bytes too much where the directory is longer than 64 KiB,
// so none is sent.
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const yazl = require("yazl");

const [photos, port] = process.argv.slice(2);

http.createServer((request, response) => {
  const album = path.join(photos, path.basename(request.url));
  const zip = new yazl.ZipFile();
  for (const entry of fs.readdirSync(album, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.path, entry.name);
    zip.addFile(file, path.relative(album, file), { compress: false });
  }
  zip.end();
  response.writeHead(200, { "Content-Type": "application/zip" });
  zip.outputStream.pipe(response);
}).listen(Number(port), "127.0.0.1");
