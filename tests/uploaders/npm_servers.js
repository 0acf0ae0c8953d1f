// Servers that store an upload in one directory, each of a package: PACKAGE DIRECTORY PORT.
const fs = require("fs");
const http = require("http");
const path = require("path");

const [, , name, directory, port] = process.argv;
const library = require(name);
const at = (file) => path.join(directory, file);
const served = (handle) => http.createServer(handle).listen(Number(port), "127.0.0.1");

const servers = {
  busboy: () =>
    served((request, response) => {
      const form = library({ headers: request.headers });
      form.on("file", (field, file, { filename }) =>
        file.pipe(fs.createWriteStream(at(filename))),
      );
      form.on("close", () => response.end());
      request.pipe(form);
    }),
  formidable: () =>
    served((request, response) =>
      library.formidable({ uploadDir: directory }).parse(request, (error, _, files) => {
        if (error) return;
        const [file] = files.file;
        fs.renameSync(file.filepath, at(file.originalFilename));
        response.end();
      }),
    ),
  "webdav-server": () => {
    const server = new library.v2.WebDAVServer({ hostname: "127.0.0.1", port: Number(port) });
    const files = new library.v2.PhysicalFileSystem(directory);
    server.setFileSystem("/", files, () => server.start(() => {}));
  },
};
servers[name]();
