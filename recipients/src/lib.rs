//! Who exists: recipients and their addresses from directory services, files and call-outs.
