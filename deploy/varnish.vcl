# Varnish in front of archive-service, with Hitch (hitch.conf) for TLS before it.  As it stands it is
# a whole configuration, to be copied to /etc/varnish/default.vcl; a site that has one already takes
# the backend and the lines with "archive" into its own.
# In the settings of the service: TRUSTED_PROXIES=127.0.0.1 (the address that Varnish calls from)
# and STALL_TIMEOUT=600.
#
# varnishd is started with these parameters besides its usual ones.  The first is for slow visitors,
# whose buffers take a minute and more to empty, the others for long addresses and many cookies:
#
#     -a 127.0.0.1:8443,PROXY -p pipe_timeout=600 -p http_req_size=65536 -p http_req_hdr_len=32768 -p workspace_client=131072
#
# An address holds the hash, and the hash is the password: it stays out of every log, also where the
# address is another spelling or is wrong.  So varnishncsa gets a query:
#
#     -q 'not (ReqURL ~ "(?i)archive" or ReqURL ~ "%" or ReqHeader:Referer ~ "(?i)archive" or BogoHeader or HttpGarbage)'
vcl 4.1;

backend archive {
    .host = "127.0.0.1";
    .port = "8080";
    .connect_timeout = 5s;
}

# Where the site itself is served.
backend site {
    .host = "127.0.0.1";
    .port = "8000";
}

sub vcl_recv {
    if (req.url ~ "^/archive/") {
        # Varnish passes a path on as it came, and another reader of it may go up from there.
        if (req.url ~ "(?i)^[^?]*(/|%2f|%5c)(\.|%2e)(\.|%2e)") {
            return (synth(404));
        }
        # In any other way Varnish takes the whole archive into its memory for a slow visitor, and
        # of ranges it knows single ones alone.
        set req.backend_hint = archive;
        return (pipe);
    }
    set req.backend_hint = site;
}

sub vcl_pipe {
    # Varnish does not look at what follows on this connection, so nothing may follow.
    set bereq.http.Connection = "close";
    # The visitor's address.  What the visitor says of it is overwritten, never added to.
    set bereq.http.X-Forwarded-For = client.ip;
    unset bereq.http.Forwarded;
    set bereq.http.X-Request-ID = "varnish-" + req.xid;
    # The service reads neither, and both may be too long for it.
    unset bereq.http.Cookie;
    unset bereq.http.Referer;
}
